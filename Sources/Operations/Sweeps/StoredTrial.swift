import Base
import Checkpoints
import Containers
import Packing
import TensorCore

/// A `.sumac` file that is made to learn its size and its loss. It has no name and disappears with this value.
struct StoredTrial {
  let byteCount: Int
  /// The loss in relation to the input; nil if every bit is kept.
  let loss: ModelLoss?
  /// The number of tensors that are stored without loss, because the type would not make them smaller.
  let keptCount: Int
  /// The file; nil if only its size was counted.
  private let file: OutputFile?

  /// Encodes all tensors of an output as they would be written.
  /// - Parameter keepsFile: True if the file is read afterwards; otherwise its bytes are only counted.
  init(
    _ output: Checkpoint, _ options: WriterOptions, keepsFile: Bool, _ context: OperationContext
  ) throws {
    let writer = try PackedCheckpointWriter(output, options: options)
    let plan = writer.plan
    let allotment = try context.memory.allot(
      plan.demand, jobs: context.jobs, tiles: plan.tileCount, valueByteCount: plan.valueByteCount)
    let progress = context.observer.progress
    progress.begin(.choose, tensors: plan.rows.count, byteCount: plan.valueByteCount)
    defer { progress.end() }
    let engine = Engine(
      workers: allotment.workers, cancellation: context.cancellation,
      progress: TensorProgress(progress, companions: plan.companions))
    if keepsFile {
      let file = try OutputFile(unnamedIn: context.temporaryFolder)
      try writer.write(to: file, engine: engine)
      byteCount = try FileSystem.byteCount(ofTree: file.path)
      self.file = file
    } else {
      let sink = CountingSink()
      try writer.write(to: sink, engine: engine)
      byteCount = sink.byteCount
      file = nil
    }
    loss = ModelLoss(engine.losses.tensors, elementCount: plan.elementCount)
    keptCount = engine.losses.kept.count
  }

  /// Reads the file; nil if it was not kept.
  func checkpoint(named name: String, _ context: OperationContext) throws -> Checkpoint? {
    guard let file else { return nil }
    var checkpoint = try Containers.read(
      file.path, name: name, limit: context.catalogLimit(for: .report), choice: WeightsChoice())
    checkpoint.path = name
    return checkpoint
  }
}
