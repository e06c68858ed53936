import ArgumentParser
import Operations

struct CacheInspect: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract:
      "Show the contents of a cache, the size of each part, and its error against another cache.",
    discussion: """
      With --against, measures the error of each head and of the attention outputs, for queries from a \
      file or random queries.

      Examples:
        sumac cache inspect prompt.sumac
        sumac cache inspect prompt.sumac --against prompt.safetensors
        sumac cache inspect prompt.sumac --against prompt.safetensors --queries queries.safetensors --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(help: "Original cache to compare with.", completion: .file())
  var against: String?

  @Option(
    help: ArgumentHelp(
      "File with tensors layers.N.query [batch, heads, queries, head dim], for --against.",
      valueName: "file"),
    completion: .file())
  var queries: String?

  @Option(
    help: ArgumentHelp("Number of random queries per head.", valueName: "n"))
  var sample = 16

  @Argument(help: "Cache file or folder, or all chunks in order.", completion: .file())
  var caches: [String]

  var inputPaths: [String] { caches + [against, queries].compactMap(\.self) }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = CacheInspectOperation(caches: caches)
    operation.input = input.settings
    operation.against = against
    operation.queries = queries
    operation.sampleCount = sample
    return operation
  }
}
