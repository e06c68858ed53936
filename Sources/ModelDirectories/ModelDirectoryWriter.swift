import Base
package import Checkpoints
import Safetensors
import TensorCore
import Zstd

/// Writes a checkpoint as a Hugging Face model folder.
package struct ModelDirectoryWriter: CheckpointWriter {
  /// The default shard size of Hugging Face's tools.
  package static let defaultShardByteCount = 5_000_000_000

  private struct Shard {
    var file: String
    var layout: SafetensorsLayout
  }

  private let shards: [Shard]
  private let companions: [LazyTensor]
  private let index: [UInt8]?
  private let folder: FolderLayout
  private let metadata: SafetensorsMetadata
  package let plan: OutputPlan

  package var isDirectory: Bool { true }

  package init(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    try Self.checkCompanions(checkpoint)
    let (tensors, notes) = checkpoint.withoutAliases(keeping: options.keepsAliases)
    let parts = Self.cut(
      tensors, at: options.shardByteCount ?? Self.defaultShardByteCount)
    let metadata = try SafetensorsMetadata(
      checkpoint.metadata, lineage: options.lineage, tensors: tensors, isAlwaysWritten: true)
    self.metadata = metadata
    let shards = try parts.enumerated().map { number, tensors in
      // The first file contains the lineage and the model's own strings.
      Shard(
        file: checkpoint.folder.fileName(of: number, among: parts.count),
        layout: try SafetensorsLayout(
          tensors,
          metadata: number == 0
            ? metadata.planned : metadata.planned.filter { $0.key == "format" },
          path: checkpoint.path))
    }
    self.shards = shards
    companions = checkpoint.companions
    folder = checkpoint.folder
    // A single file has an index only if that has keys to keep.
    index =
      shards.count > 1 || folder.hasIndexKeys
      ? ShardIndex.json(shards.map { ($0.file, $0.layout) }, folder: folder) : nil
    plan = Self.plan(shards, companions: companions, index: index, notes: notes)
  }

  /// Throws if a companion could be taken for weights or conflicts with another one.
  ///
  /// A packed file may come from an untrusted source.
  private static func checkCompanions(_ checkpoint: Checkpoint) throws {
    let names = Set(checkpoint.companions.map { UTF8Key($0.name) })
    try SeveralErrors.throwIfAny(
      checkpoint.companions.compactMap { companion in
        let parts = companion.name.split(separator: "/")
        let folders = (1..<max(1, parts.count)).map { parts.prefix($0).joined(separator: "/") }
        let isBlocked = folders.contains { names.contains(UTF8Key($0)) }
        guard isBlocked || !Companions.isCarried(companion.name) else { return nil }
        return FormatError(
          .modelDirectory,
          "contains the file '\(companion.name.printable)', which cannot be written to a "
            + "model folder", path: checkpoint.path,
          hint: "write a .safetensors or .sumac file instead")
      })
  }

  /// Distributes the tensors in the order of the catalog to files of up to `byteCount` bytes.
  private static func cut(_ tensors: [LazyTensor], at byteCount: Int) -> [[LazyTensor]] {
    var parts: [[LazyTensor]] = [[]]
    var size = 0
    for tensor in tensors {
      if size + tensor.info.byteCount > byteCount, !parts[parts.count - 1].isEmpty {
        parts.append([])
        size = 0
      }
      parts[parts.count - 1].append(tensor)
      size += tensor.info.byteCount
    }
    return parts
  }

  private static func plan(
    _ shards: [Shard], companions: [LazyTensor], index: [UInt8]?, notes: [Message]
  ) -> OutputPlan {
    let companionByteCount = companions.reduce(0) { $0 + $1.info.byteCount }
    let headers = shards.reduce(0) { $0 + $1.layout.header.count } + (index?.count ?? 0)
    let values = shards.reduce(0) { $0 + $1.layout.byteCount - $1.layout.header.count }
    let workspace = max(
      shards.map(\.layout.workspaceByteCount).max() ?? 0,
      Engine.workspaceByteCount(of: companions, extra: { _ in 0 }))
    return OutputPlan(
      rows: shards.flatMap { SafetensorsWriter.rows($0.layout, file: $0.file) },
      companions: companions.map(\.name),
      byteCount: headers + values + companionByteCount, isExact: true,
      demand: MemoryBudget.Demand(
        fixedByteCount: shards.reduce(2 * (index?.count ?? 0)) { $0 + $1.layout.fixedByteCount },
        workerByteCount: workspace + ZstdSettings.decompressionByteCount),
      tileCount: shards.reduce(0) { $0 + $1.layout.chunkCount },
      valueByteCount: values + companionByteCount, notes: notes)
  }

  package func write(to output: AtomicOutput, engine: Engine) throws {
    try output.writeDirectory { folder in
      // The lineage in the first file contains the loss of all files, so it is written last.
      for (number, shard) in shards.enumerated().reversed() {
        try folder.writeFile(shard.file) { file in
          try shard.layout.write(to: file, engine: engine)
          guard number == 0 else { return }
          let loss = ModelLoss(engine.losses.tensors, elementCount: plan.elementCount)
          try shard.layout.write(metadata, loss: loss, to: file)
        }
      }
      if let index {
        try folder.writeFile(self.folder.indexName) {
          try $0.write(index.rawSpan, at: 0)
        }
      }
      for companion in companions {
        try folder.writeFile(companion.name) { file in
          try engine.forEachTile(
            of: [companion],
            workspaceByteCount: Engine.workspaceByteCount(of: [companion], extra: { _ in 0 }),
            finishesTensors: false
          ) { _, tile, values, _ in
            try file.write(values, at: tile.elements.lowerBound)
          }
        }
      }
    }
  }
}
