import ArgumentParser
import Differences
import Operations

struct Diff: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare two models: which tensors changed, and how much.",
    discussion: """
      Compares tensors by name, in any two formats and dtypes: added, removed and renamed ones, equal \
      bytes, equal values, and for the others the share of changed values, largest and root mean \
      square error, relative error, 1 - cosine, and the change of norm and zeros, the worst first. \
      Metadata, config.json and other files are compared too. A tensor without a counterpart of its \
      name is found by its content. Stored chunks of .sumac files with the same checksums are not decoded.

      Examples:
        sumac diff base/ tuned/
        sumac diff base/ tuned/ --by-layer
        sumac diff model.safetensors model.sumac --metric max --tolerance 0.01 --exit-code
        sumac diff old.safetensors new.safetensors --map names.txt --only changed --top 10
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags

  @Option(
    help: ArgumentHelp(
      "File with lines 'NAME-IN-A NAME-IN-B'; each may contain *.", valueName: "file"),
    completion: .file())
  var map: String?

  @Option(
    help: "Measure for the order and for --tolerance; percent is the relative error.")
  var metric = DifferenceMetric.percent

  @Option(
    help: ArgumentHelp(
      "Value of the metric up to which tensors count as equal. (default: every bit is compared)",
      valueName: "x"))
  var tolerance: Double?

  @Flag(help: "Exit with status 1 if the models differ.")
  var exitCode = false

  @Option(help: "Tensors to list.")
  var only = DifferenceReport.Selection.different

  @Option(help: "Order of the tensors or layers; error is the same as worst.")
  var sort = DifferenceReport.SortKey.worst

  @Option(
    help: ArgumentHelp("List only the first n tensors or layers of the order.", valueName: "n"))
  var top: Int?

  @Flag(help: "List layers instead of tensors, with a bar for the change of each.")
  var byLayer = false

  @Argument(
    help: "The model to compare with: a file, shard index or model folder.", completion: .file())
  var a: String

  @Argument(help: "The model whose changes are shown.", completion: .file())
  var b: String

  mutating func validate() throws {
    if let tolerance, !(tolerance >= 0) {
      throw ValidationError("--tolerance must be 0 or more")
    }
  }

  var inputPaths: [String] { [a, b] + [map].compactMap(\.self) }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = DiffOperation(a: a, b: b)
    operation.map = map
    operation.metric = metric
    operation.tolerance = tolerance
    operation.selects = only
    operation.sortKey = sort
    operation.rowLimit = top
    operation.listsLayers = byLayer
    operation.failsOnDifference = exitCode
    operation.selection = selectionFlags.settings(invocation)
    return operation
  }
}

extension DifferenceMetric: ExpressibleByArgument {}
extension DifferenceReport.Selection: ExpressibleByArgument {}
extension DifferenceReport.SortKey: ExpressibleByArgument {
  /// Accepts `error`, the name of this order in other commands, for the one by the metric.
  public init?(argument: String) {
    guard let key = argument == "error" ? .worst : Self(rawValue: argument) else { return nil }
    self = key
  }
}
