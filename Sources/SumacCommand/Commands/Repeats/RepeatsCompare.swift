import ArgumentParser
import Operations

struct RepeatsCompare: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare the attention heads and the copying of two models.",
    discussion: """
      Measures both models as heads and probe do, and shows the change of each measure from A to B. Both \
      models run over the same sequences, which fit the smaller vocabulary and number of positions. The \
      models must have the same numbers of layers and heads.

      Examples:
        sumac repeats compare once/ repeated/
        sumac repeats compare once/ repeated/ --weights-only
        sumac repeats compare once/ repeated/ --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags
  @OptionGroup(title: "Sequences") var probe: ProbeFlags

  @Flag(help: "Compare weights alone, without running the models.")
  var weightsOnly = false

  @Argument(help: "Model A.", completion: .file())
  var first: String

  @Argument(help: "Model B.", completion: .file())
  var second: String

  var inputPaths: [String] { [first, second] + probe.settings.inputPaths }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = RepeatsCompareOperation(
      first: first, second: second, settings: probe.settings)
    operation.comparesWeightsOnly = weightsOnly
    return operation
  }
}
