import Base
import Checkpoints
import TensorCore

/// Writes a checkpoint as one PyTorch file: a ZIP archive that `torch.load` reads with `weights_only=True`.
///
/// Aliases share a storage, as tied tensors do in PyTorch. The metadata and the lineage are in a member of their own,
/// which PyTorch ignores.
struct PyTorchWriter: CheckpointWriter {
  private let layout: PyTorchLayout
  private let metadata: [Checkpoint.Metadatum]
  private let lineage: Lineage?
  /// The number of steps of the lineage that are written.
  private let stepCount: Int
  /// The length of the member with the metadata, which is padded with spaces to it.
  private let metadataByteCount: Int
  /// True if the loss of the tensors is recorded after they are written.
  private let awaitsLoss: Bool
  let plan: OutputPlan

  var isDirectory: Bool { false }

  init(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    let (tensors, notes) = Self.tensors(of: checkpoint, keepsAliases: options.keepsAliases)
    metadata = checkpoint.metadata
    awaitsLoss = options.lineage != nil && tensors.contains { $0.source.loss != nil }
    lineage = options.lineage
    // The member comes before the loss is known, so its length is that of the longest loss.
    let planned =
      awaitsLoss ? lineage?.recording(.longest(names: tensors.map(\.name))) : lineage
    stepCount = try planned?.keptStepCount() ?? 0
    let json = PyTorchMetadata.json(metadata, lineage: planned?.json(keeping: stepCount))
    metadataByteCount = json?.count ?? 0
    layout = try PyTorchLayout(tensors, metadata: json, path: checkpoint.path)
    plan = OutputPlan(
      rows: Self.rows(layout), companions: [], byteCount: layout.byteCount, isExact: true,
      demand: MemoryBudget.Demand(
        fixedByteCount: layout.fixedByteCount + 3 * metadataByteCount,
        workerByteCount: layout.workspaceByteCount),
      tileCount: layout.chunkCount, valueByteCount: layout.valueByteCount,
      notes: notes + Self.notes(on: checkpoint))
  }

  private static func tensors(
    of checkpoint: Checkpoint, keepsAliases: Bool
  ) -> ([LazyTensor], [Message]) {
    keepsAliases ? (checkpoint.tensors, []) : checkpoint.withoutAliases(keeping: false)
  }

  private static func notes(on checkpoint: Checkpoint) -> [Message] {
    var notes: [Message] = []
    if !checkpoint.companions.isEmpty {
      let names = checkpoint.companions.map(\.name.printable).joined(separator: ", ")
      notes.append("a PyTorch file cannot contain other files; left out: \(names)")
    }
    if checkpoint.folder.hasIndexKeys {
      let keys =
        checkpoint.folder.indexMembers.map(\.key) + checkpoint.folder.indexMetadata.map(\.key)
      notes.append(
        "a PyTorch file cannot contain the other keys of the index; left out: "
          + keys.map(\.printable).joined(separator: ", "))
    }
    return notes
  }

  private static func rows(_ layout: PyTorchLayout) -> [OutputPlan.Row] {
    var first: Set<Int> = []
    return zip(layout.tensors, layout.storages).map { tensor, storage in
      let isAlias = !first.insert(storage).inserted
      return OutputPlan.Row(
        name: tensor.name, shape: tensor.info.shape, from: tensor.stored.label,
        to: tensor.info.dtype.name, byteCount: isAlias ? 0 : tensor.info.byteCount, isExact: true,
        file: "", isAlias: isAlias)
    }
  }

  /// Returns the content of the member with the metadata and the loss of the tensors that were written.
  private func finalMetadata(_ loss: ModelLoss?) -> [UInt8]? {
    guard awaitsLoss else { return nil }
    let text = lineage?.recording(loss).json(keeping: stepCount)
    guard var json = PyTorchMetadata.json(metadata, lineage: text) else { return nil }
    let room = metadataByteCount - json.count
    precondition(room >= 0, "the member was planned with the longest loss")
    json += Array(repeating: UInt8(ascii: " "), count: room)
    return json
  }

  func write(to output: AtomicOutput, engine: Engine) throws {
    try output.writeFile { file in
      try layout.write(to: file, engine: engine) {
        finalMetadata(ModelLoss(engine.losses.tensors, elementCount: plan.elementCount))
      }
    }
  }
}
