import ArgumentParser
import Checkpoints
import Inspection
import Statistics
import TensorCore

struct Inspect: ParsableCommand, HasGlobalOptions {
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

  @Flag(help: "Read all values: zeros, extremes, mean, norms, NaN and infinity counts.")
  var stats = false

  @Flag(help: "Show where each tensor lies: file, offset, stored bytes, codec, chunks.")
  var layout = false

  @Flag(help: "Show the strings that are stored with the tensors.")
  var metadata = false

  @Option(help: "Order of the tensors: catalog, name, size, dtype or offset.")
  var sort = Inspection.SortKey.catalog

  @Argument(
    help: "Files, shard indexes or model folders; - is standard input.", completion: .file())
  var inputs: [String]

  func run() throws {
    try report.check()
    let batch = try Inputs.each(inputs, global: global) { checkpoint in
      Inspection(
        checkpoint, fileByteCount: checkpoint.fileByteCount,
        moments: stats ? try moments(of: checkpoint) : nil, sortKey: sort,
        showsMetadata: metadata, showsLayout: layout)
    }
    try report.print(batch.results, inputCount: inputs.count)
    if let status = batch.status { throw ExitCode(status.rawValue) }
  }

  private func moments(of checkpoint: Checkpoint) throws -> [Moments] {
    try SeveralErrors.throwIfAny(checkpoint.tensors.compactMap(\.fault))
    let engine = try global.engine(
      workerByteCount: MomentSurvey.workspaceByteCount(checkpoint.tensors))
    engine.progress.begin(
      tensors: checkpoint.tensors.count,
      byteCount: checkpoint.tensors.reduce(0) { $0 + $1.info.byteCount })
    defer { engine.progress.end() }
    return try MomentSurvey.moments(of: checkpoint.tensors, engine: engine)
  }
}

extension Inspection.SortKey: ExpressibleByArgument {}
