import ArgumentParser
import Operations

struct RepeatsPredict: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Show which repeats hurt a model of a size most.",
    discussion: """
      Compares each class of the histogram with the band of repeats that was measured to hurt models most \
      (arXiv 2205.10487), and names the nearest published result. If the histogram counts tokens, their \
      number and --tokens give the number of epochs.

      Examples:
        sumac repeats scan tokens.u16 --json -o histogram.json
        sumac repeats predict --histogram histogram.json --parameters 800e6 --tokens 100e9
        sumac repeats predict --histogram histogram.json --parameters 100e6 --tokens 10e9 --basis windows
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp("Report of repeats scan --json.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var histogram: String

  @Option(help: ArgumentHelp("Number of parameters, such as 800e6.", valueName: "n"))
  var parameters: Double

  @Option(help: ArgumentHelp("Number of tokens of the training, such as 100e9.", valueName: "n"))
  var tokens: Double

  @Option(help: "Unit that counts as repeated.")
  var basis = RepeatsPredictOperation.Basis.documents

  var inputPaths: [String] { [histogram] }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = RepeatsPredictOperation(
      histogram: histogram, parameters: parameters, tokens: tokens)
    operation.basis = basis
    return operation
  }
}

extension RepeatsPredictOperation.Basis: ExpressibleByArgument {}
