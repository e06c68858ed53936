import ArgumentParser
import Base
import Checkpoints
import Merging
import Reporting

struct VectorStats: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Show norms of task vectors, and how they lie to each other.",
    discussion: """
      For each layer: norms, and for pairs the cosine and the share of values whose signs differ. With \
      --base fine-tuned models may be given as they are.

      Examples:
        sumac vector stats math.sumac code.sumac
        sumac vector stats math/ code/ --base base/ --tensors
        sumac vector stats math.sumac code.sumac chat.sumac --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp("The model that they were tuned from.", valueName: "model"),
    completion: .file())
  var base: String?

  @Flag(help: "List tensors, not layers.")
  var tensors = false

  @Argument(
    help: ArgumentHelp("Task vectors, LoRA adapters, or with --base fine-tuned models."),
    completion: .file())
  var vectors: [String]

  func run() throws {
    try report.check()
    let base = try base.map { try Inputs.read($0, global: global) }
    let inputs = try vectors.map {
      try VectorStatistics.Input(try Inputs.read($0, global: global), base: base)
    }
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    let engine = try global.engine(
      workerByteCount: VectorStatistics.workerByteCount(inputs, base: base),
      cancellation: cancellation)
    engine.progress.begin(
      tensors: 0, byteCount: VectorStatistics.byteCount(inputs, base: base))
    let statistics: VectorStatistics
    do {
      defer { engine.progress.end() }
      statistics = try VectorStatistics(inputs, base: base, engine: engine)
    }
    try report.print(VectorReport(statistics, listsTensors: tensors))
  }
}
