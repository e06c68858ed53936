import Base
package import Checkpoints
import TensorCore
import Zstd

/// Writes a checkpoint as one safetensors file.
package struct SafetensorsWriter: CheckpointWriter {
  private let layout: SafetensorsLayout
  package let plan: OutputPlan

  package var isDirectory: Bool { false }

  package init(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    let (tensors, aliasNotes) = checkpoint.withoutAliases(keeping: options.keepsAliases)
    let metadata = try Self.metadata(
      checkpoint.metadata, lineage: options.lineage, isAlwaysWritten: false)
    layout = try SafetensorsLayout(tensors, metadata: metadata, path: checkpoint.path)
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
        fixedByteCount: 2 * layout.header.count,
        workerByteCount: layout.workspaceByteCount + ZstdSettings.decompressionByteCount),
      tileCount: layout.chunkCount, valueByteCount: layout.byteCount - layout.header.count,
      notes: notes)
  }

  /// Returns the metadata to write: the given strings, the lineage, and `format` unless all of it is empty.
  package static func metadata(
    _ metadata: [Checkpoint.Metadatum], lineage: Lineage?, isAlwaysWritten: Bool
  ) throws -> [Checkpoint.Metadatum] {
    var metadata = metadata
    if let lineage {
      metadata.append(
        Checkpoint.Metadatum(key: Lineage.metadataKey, value: try lineage.json()))
    }
    if isAlwaysWritten || !metadata.isEmpty, !metadata.contains(where: { $0.key == "format" }) {
      metadata.append(Checkpoint.Metadatum(key: "format", value: "pt"))
    }
    return metadata
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
    try output.writeFile { try layout.write(to: $0, engine: engine) }
  }
}
