import ArgumentParser
import Operations

struct CacheInspect: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a cache holds, what each part takes, and how far it is from another.",
    discussion: """
      With --against the errors of each head are measured, and those of the outputs of attention, for queries \
      that are given or drawn.

      Examples:
        sumac cache inspect prompt.sumac
        sumac cache inspect prompt.sumac --against prompt.safetensors
        sumac cache inspect prompt.sumac --against prompt.safetensors --queries queries.safetensors --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(help: "The cache that it was made from.", completion: .file())
  var against: String?

  @Option(
    help: ArgumentHelp(
      "Tensors layers.N.query [batch, heads, queries, head dim] for --against.", valueName: "file"),
    completion: .file())
  var queries: String?

  @Option(
    help: ArgumentHelp("Queries that are drawn for each head; 16 if not given.", valueName: "n"))
  var sample = 16

  @Argument(help: "A cache: a file or folder; of chunks all in order.", completion: .file())
  var caches: [String]

  func operation() -> any Operation {
    var operation = CacheInspectOperation(caches: caches)
    operation.input = input.settings
    operation.against = against
    operation.queries = queries
    operation.sampleCount = sample
    return operation
  }
}
