import Base
import Checkpoints
import Safetensors
import TensorCore

/// The safetensors files and the index of a model folder or of one of its components.
struct ComponentFiles: ComponentWriter {
  private struct Shard {
    /// The path in the model folder.
    var file: String
    var layout: SafetensorsLayout
  }

  private let shards: [Shard]
  private let index: (path: String, bytes: [UInt8])?
  private let metadata: SafetensorsMetadata
  private let elementCount: Int

  /// Plans the files of a component.
  /// - Parameters:
  ///   - component: The path, the names and the strings of the component; its path is empty for the folder itself.
  ///   - tensors: Its tensors, whose names start with its path.
  /// - Throws: ``FormatError`` if a header would be too long.
  init(
    _ component: ComponentLayout, _ tensors: [LazyTensor], options: WriterOptions, path: String
  ) throws {
    let prefix = component.path.isEmpty ? "" : component.prefix
    let parts = Self.cut(
      tensors, at: options.shardByteCount ?? ModelDirectoryWriter.defaultShardByteCount)
    let metadata = try SafetensorsMetadata(
      component.metadata, options: options, tensors: tensors, isAlwaysWritten: true)
    self.metadata = metadata
    shards = try parts.enumerated().map { number, tensors in
      // The first file contains the lineage and the model's own strings.
      Shard(
        file: prefix
          + component.layout.fileName(
            of: number, among: parts.count, suffix: ModelDirectoryContainer.weightsSuffix),
        layout: try SafetensorsLayout(
          tensors,
          metadata: number == 0
            ? metadata.planned : metadata.planned.filter { $0.key == "format" },
          path: path, prefix: prefix))
    }
    // A single file has an index only if that has keys to keep.
    let isIndexed = shards.count > 1 || component.layout.hasIndexKeys
    index =
      isIndexed
      ? (
        prefix + component.layout.indexName(suffix: ModelDirectoryContainer.weightsSuffix),
        Self.index(
          shards.map { (String($0.file.dropFirst(prefix.count)), $0.layout) },
          folder: component.layout)
      ) : nil
    elementCount = tensors.reduce(0) { $0 + $1.info.elementCount }
  }

  /// Distributes the tensors in the order of the catalog to files of up to `byteCount` bytes.
  private static func cut(_ tensors: [LazyTensor], at byteCount: Int) -> [[LazyTensor]] {
    var parts: [[LazyTensor]] = []
    var (start, size) = (0, 0)
    for (index, tensor) in tensors.enumerated() {
      if size + tensor.info.byteCount > byteCount, index > start {
        parts.append(Array(tensors[start..<index]))
        (start, size) = (index, 0)
      }
      size += tensor.info.byteCount
    }
    return parts + [Array(tensors[start...])]
  }

  private static func index(
    _ layouts: [(file: String, layout: SafetensorsLayout)], folder: FolderLayout
  ) -> [UInt8] {
    let entries = layouts.flatMap { file, layout in
      layout.tensors.map { ShardIndexText.Entry(tensor: layout.storedName(of: $0), file: file) }
    }
    let infos = layouts.flatMap { $0.layout.tensors.map(\.info) }
    return ShardIndexText(
      entries.sorted { $0.tensor.precedesAsBytes($1.tensor) },
      valueByteCount: infos.reduce(0) { $0 + $1.byteCount },
      elementCount: infos.reduce(0) { $0 + $1.elementCount }, folder: folder
    ).json()
  }

  var rows: [OutputPlan.Row] {
    shards.flatMap { SafetensorsWriter.rows($0.layout, file: $0.file) }
  }

  var indexByteCount: Int { index?.bytes.count ?? 0 }

  var isExact: Bool { true }

  var valueByteCount: Int {
    shards.reduce(0) { $0 + $1.layout.byteCount - $1.layout.header.count }
  }

  /// The memory for the headers, the lists of tensors and the index once, and for the values of a tile for each worker.
  var demand: MemoryBudget.Demand {
    MemoryBudget.Demand(
      fixedByteCount: shards.reduce(2 * indexByteCount) {
        $0 + $1.layout.fixedByteCount(isLate: metadata.isLate)
      },
      workerByteCount: shards.map(\.layout.workspaceByteCount).max() ?? 0)
  }

  var tileCount: Int { shards.reduce(0) { $0 + $1.layout.chunkCount } }

  var parts: [OutputPart] {
    shards.enumerated().map { number, shard in
      let header = shard.layout.header.count
      return OutputPart(
        file: shard.file, tensorNames: shard.layout.tensors.map(\.name),
        byteCount: shard.layout.byteCount, valueByteCount: shard.layout.byteCount - header,
        lateByteCount: number == 0 && metadata.isLate ? header : 0)
    }
  }

  var indexPath: String? { index?.path }

  func write(part number: Int, to file: OutputFile, engine: Engine) throws {
    try shards[number].layout.write(to: file, engine: engine)
  }

  /// Writes the header of the first shard again: its lineage contains the losses of all shards, and ids of inputs.
  func record(
    _ losses: [TensorLoss], inPart number: Int, to file: OutputFile, engine: Engine
  ) throws {
    guard number == 0 else { return }
    let names = Set(shards.flatMap { $0.layout.tensors.map { UTF8Key($0.name) } })
    let own = losses.filter { names.contains(UTF8Key($0.name)) }
    try shards[number].layout.finish(
      metadata, loss: ModelLoss(own, elementCount: elementCount), to: file, engine: engine)
  }

  func writeIndex(to file: OutputFile, beside folder: String, losses: [TensorLoss]) throws {
    if let index { try file.write(index.bytes.rawSpan, at: 0) }
  }
}
