import ArgumentParser
import Operations
import Reporting

struct RopeShow: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show rotary frequencies, wavelengths, and the trained range of each dimension.",
    discussion: """
      MODEL is a model folder, a config.json, or a .sumac or .safetensors file. A .safetensors file \
      needs the config.json of the model next to it. A folder needs only a config.json, except for CLEX \
      models. With -o NAME.svg, writes a plot.

      Examples:
        sumac rope show model/
        sumac rope show model/ --length 16384 --json
        sumac rope show model/ --compare yarn:4 --compare ntk:4 -o plot.svg
        sumac rope show clex-model/ --length 2048
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp(
      "Number of positions in use, which some rope types depend on. Can be repeated.",
      valueName: "n"))
  var length: [Int] = []

  @Option(
    help: ArgumentHelp(
      "Another model, or METHOD:FACTOR such as yarn:4. Can be repeated.", valueName: "other"))
  var compare: [String] = []

  @Argument(help: "Model folder or file, or config.json.", completion: .file())
  var model: String

  var inputPaths: [String] { [model] + compare }
  var drawings: [String] { ["svg"] }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = RopeShowOperation(model: model)
    operation.lengths = length
    operation.comparisons = compare
    operation.plot = report.drawing
    operation.replacesPlot = report.force
    return operation
  }
}
