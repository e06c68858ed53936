import ArgumentParser
import Inspection
import Operations
import Surveys

struct Inspect: ReportVerb {
  static let configuration = CommandConfiguration(
    abstract: "Show what a checkpoint holds.",
    discussion: """
      Lists tensors with dtype, shape and size. Only headers are read, unless --stats asks for numbers \
      about the values.

      Examples:
        sumac inspect model.sumac
        sumac inspect model/ --stats --sort size
        sumac inspect model.safetensors --layout --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Flag(help: "Read all values: zeros, norms, PQ Index, quantiles, outliers, N:M fit, packed size.")
  var stats = false

  @Flag(help: "With --stats: also for each index of the first dimension (row or filter).")
  var neurons = false

  @Option(help: "With --stats: the p of the PQ Index, above 0 and below q.")
  var p = PQIndex.standard.p

  @Option(help: "With --stats: the q of the PQ Index.")
  var q = PQIndex.standard.q

  @Option(
    help: ArgumentHelp(
      "With --stats: the N:M sparsity that rows are compared with.", valueName: "n:m"))
  var pattern = Pattern.twoOfFour

  @Flag(help: "Show where each tensor lies: file, offset, stored bytes, codec, chunks.")
  var layout = false

  @Flag(help: "Show the strings that are stored with the tensors.")
  var metadata = false

  @Option(help: "Order of the tensors: catalog, name, size, dtype or offset.")
  var sort = Inspection.SortKey.catalog

  @Argument(
    help: "Files, shard indexes or model folders; - is standard input.", completion: .file())
  var inputs: [String]

  func operation() -> any Operation {
    var operation = InspectOperation(inputs: inputs)
    operation.showsStatistics = stats
    operation.showsNeurons = neurons
    (operation.p, operation.q) = (p, q)
    operation.pattern = pattern.description
    operation.showsLayout = layout
    operation.showsMetadata = metadata
    operation.sortKey = sort
    return operation
  }
}

extension Inspection.SortKey: ExpressibleByArgument {}

extension Pattern: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}
