import ArgumentParser
import Base
import CacheCompression
import Caches
import Checkpoints
import Reporting

struct CacheInspect: ParsableCommand, HasGlobalOptions {
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

  func run() throws {
    try report.check()
    guard 1...4096 ~= sample else { throw UsageError("--sample is \(sample), expected 1 to 4096") }
    let cache = try input.read(caches, global: global)
    var inspection = try CacheInspection(cache)
    if let against {
      let other = try input.read([against], global: global)
      let given = try queries.map { try Inputs.read($0, global: global) }
      let cancellation = Cancellation()
      SignalWatch.begin(cancellation)
      let engine = try global.engine(
        workerByteCount: inspection.workerByteCount(queryCount: sample),
        cancellation: cancellation)
      engine.progress.begin(tensors: 0, byteCount: inspection.comparedByteCount)
      defer { engine.progress.end() }
      try inspection.compare(
        with: other, queries: given.map { .given($0) } ?? .drawn(count: sample), engine: engine)
    } else if queries != nil {
      throw UsageError("--queries has no meaning without --against")
    }
    try report.print(CacheReport(inspection, hasComparison: against != nil))
  }
}
