import ArgumentParser
import Inspection
import Operations
import Surveys

struct Inspect: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show the contents of a checkpoint.",
    discussion: """
      Lists the tensors with dtype, shape and size. Only headers are read unless --stats asks for \
      statistics of the values.

      Examples:
        sumac inspect model.sumac
        sumac inspect model/ --stats --sort size --top 10
        sumac inspect model/ --by-layer --exclude 'lm_head.*'
        sumac inspect pruned.sumac --stats --sort zeros --top 10
        sumac inspect model.safetensors --layout --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags

  @Flag(
    help:
      "Read all values and show zeros, norms, PQ Index, quantiles, outliers, N:M fit and packed size."
  )
  var stats = false

  @Flag(help: "With --stats: also show statistics of each neuron (output).")
  var neurons = false

  @Option(help: "With --stats: exponent p of the PQ Index, 0 < p < q.")
  var p = PQIndex.standard.p

  @Option(help: "With --stats: exponent q of the PQ Index.")
  var q = PQIndex.standard.q

  @Option(
    help: ArgumentHelp(
      "With --stats: N:M sparsity pattern to compare rows with.", valueName: "n:m"))
  var pattern = Pattern.twoOfFour

  @Flag(help: "Show how each tensor is stored: file, offset, bytes, codec and chunks.")
  var layout = false

  @Flag(help: "Show the metadata strings.")
  var metadata = false

  @Option(
    help:
      "Order of the tensors or layers; sizes, errors, PQ Indexes and shares of zeros the largest first."
  )
  var sort = Inspection.SortKey.catalog

  @Option(
    help: ArgumentHelp("List only the first n tensors or layers of the order.", valueName: "n"))
  var top: Int?

  @Flag(help: "List layers instead of tensors, and draw maps of layers and kinds of tensors.")
  var byLayer = false

  @Argument(
    help: "Files, shard indexes or model folders; - means standard input.", completion: .file())
  var inputs: [String]

  var inputPaths: [String] { inputs }

  func operation(_ invocation: Invocation) -> any Operation { batchOperation(invocation) }

  func batchOperation(_ invocation: Invocation) -> any BatchableOperation {
    var operation = InspectOperation(inputs: inputs)
    operation.showsStatistics = stats
    operation.showsNeurons = neurons
    (operation.p, operation.q) = (p, q)
    operation.pattern = pattern.description
    operation.showsLayout = layout
    operation.showsMetadata = metadata
    operation.sortKey = sort
    operation.rowLimit = top
    operation.listsLayers = byLayer
    operation.selection = selectionFlags.settings(invocation)
    return operation
  }
}

extension Inspection.SortKey: ExpressibleByArgument {}

extension Pattern: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}
