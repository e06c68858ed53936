import ArgumentParser
import Base
import Checkpoints
import Inspection
import Packing

struct Verify: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    abstract: "Check that a checkpoint is whole, or equal to another.",
    discussion: """
      Reads every byte and checks structure and, where the format has them, checksums. With --against \
      it compares names, dtypes, shapes and values with an original in any format: bit for bit, or \
      within an error you allow. Exit code 3 means damage, 1 a difference.

      Examples:
        sumac verify model.sumac
        sumac verify model.sumac --against model/
        sumac verify half.safetensors --against model.safetensors --max-abs 0.01
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp("Compare with this checkpoint.", valueName: "original"),
    completion: .file())
  var against: String?

  @Option(
    help: ArgumentHelp("Allow this root mean square error per tensor.", valueName: "error"))
  var maxRmse: Double?

  @Option(help: ArgumentHelp("Allow this error of any value.", valueName: "error"))
  var maxAbs: Double?

  @Argument(
    help: "Files, shard indexes or model folders; - is standard input.", completion: .file())
  var inputs: [String]

  mutating func validate() throws {
    guard against == nil || inputs.count == 1 else {
      throw ValidationError("--against compares one input with one original")
    }
    guard against != nil || (maxRmse == nil && maxAbs == nil) else {
      throw ValidationError("--max-rmse and --max-abs need --against")
    }
    for limit in [maxRmse, maxAbs].compactMap(\.self) where !(limit >= 0) {
      throw ValidationError("an allowed error must be a number from 0")
    }
  }

  func run() throws {
    try report.check()
    let original = try against.map { try Inputs.read($0, global: global) }
    let batch = try Inputs.each(inputs, global: global) {
      try verify($0.checkingSeals(), against: original)
    }
    let failed = batch.results.filter { $0.status != .done }
    try report.print(global.quiet ? failed : batch.results, inputCount: inputs.count)
    if let status = batch.status { throw ExitCode(status.rawValue) }
    guard let first = failed.first else { return }
    throw ExitCode((inputs.count == 1 ? first.status : .partOfBatchFailed).rawValue)
  }

  private func verify(
    _ checkpoint: Checkpoint, against original: Checkpoint?
  ) throws -> Verification {
    let workspace = max(
      Verification.workspaceByteCount(checkpoint),
      original.map { Comparison.workspaceByteCount(checkpoint, $0) } ?? 0)
    let engine = try global.engine(workerByteCount: workspace)
    engine.progress.begin(
      tensors: checkpoint.tensors.count,
      byteCount: Verification.byteCount(checkpoint) * (original == nil ? 1 : 2))
    defer { engine.progress.end() }
    let faults = try Verification.faults(in: checkpoint, engine: engine)
    let comparison = try original.flatMap { original in
      faults.isEmpty
        ? try Comparison(
          checkpoint, against: original,
          tolerance: Comparison.Tolerance(largestError: maxAbs, rootMeanSquare: maxRmse),
          engine: engine) : nil
    }
    return Verification(checkpoint: checkpoint, faults: faults, comparison: comparison)
  }
}
