import Base
package import Checkpoints
import TensorCore
import Zstd

/// Writes a checkpoint as one safetensors file.
package struct SafetensorsWriter: CheckpointWriter {
  private let layout: SafetensorsLayout
  private let metadata: SafetensorsMetadata
  package let plan: OutputPlan

  package var isDirectory: Bool { false }

  package init(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    let (tensors, aliasNotes) = checkpoint.withoutAliases(keeping: options.keepsAliases)
    metadata = try SafetensorsMetadata(
      checkpoint.metadata, options: options, tensors: tensors, isAlwaysWritten: false)
    layout = try SafetensorsLayout(tensors, metadata: metadata.planned, path: checkpoint.path)
    var notes = aliasNotes
    if !checkpoint.companions.isEmpty {
      let names = checkpoint.companions.map(\.name.printable).joined(separator: ", ")
      notes.append("a safetensors file cannot contain other files; left out: \(names)")
    }
    if checkpoint.folder.hasIndexKeys {
      let keys =
        checkpoint.folder.indexMembers.map(\.key) + checkpoint.folder.indexMetadata.map(\.key)
      notes.append(
        "a safetensors file cannot contain the other keys of the index; left out: "
          + keys.map(\.printable).joined(separator: ", "))
    }
    plan = OutputPlan(
      rows: Self.rows(layout, file: ""), companions: [], byteCount: layout.byteCount, isExact: true,
      demand: MemoryBudget.Demand(
        fixedByteCount: layout.fixedByteCount(isLate: metadata.isLate),
        workerByteCount: layout.workspaceByteCount + ZstdSettings.decompressionByteCount),
      tileCount: layout.chunkCount, valueByteCount: layout.byteCount - layout.header.count,
      notes: notes)
  }

  /// Returns the rows of the plan for the tensors of one file.
  package static func rows(_ layout: SafetensorsLayout, file: String) -> [OutputPlan.Row] {
    layout.tensors.map { tensor in
      OutputPlan.Row(
        name: tensor.name, shape: tensor.info.shape, from: tensor.stored.label,
        to: tensor.info.dtype.name, byteCount: tensor.info.byteCount, isExact: true, file: file)
    }
  }

  package func write(to output: AtomicOutput, engine: Engine) throws {
    try output.writeFile { file in
      try layout.write(to: file, engine: engine)
      try layout.finish(
        metadata, loss: ModelLoss(engine.losses.tensors, elementCount: plan.elementCount),
        to: file, engine: engine)
    }
  }
}
