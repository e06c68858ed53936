import Base
package import Checkpoints
import Codecs
import PackedFormat
package import TensorCore
import Zstd

/// A writer that stores a checkpoint as one `.sumac` file.
package struct PackedCheckpointWriter: CheckpointWriter {
  let checkpoint: Checkpoint
  let options: WriterOptions
  /// The tensors that are not aliases, followed by the companions.
  let items: [PackedItem]
  let encoder: ChunkEncoder
  package let plan: OutputPlan

  package var isDirectory: Bool { false }

  /// Returns the info of a tensor that is not an alias.
  package func info(of name: String) -> TensorInfo? {
    items.first { !$0.isCompanion && $0.tensor.name.equalsAsBytes(name) }?.tensor.info
  }

  package init(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    var checkpoint = checkpoint
    var notes: [Message] = []
    if !options.keepsAliases {
      (checkpoint.tensors, notes) = checkpoint.withoutAliases(keeping: false)
    }
    self.checkpoint = checkpoint
    self.options = options
    let compression = options.compression ?? .fast
    encoder = ChunkEncoder(zstd: Zstd(), compression: compression)
    items =
      checkpoint.tensors.filter { $0.aliasOf == nil }.map {
        PackedItem($0, compression: options.compression)
      } + checkpoint.companions.map { PackedItem(companion: $0) }
    var widest = options
    if items.contains(where: \.mayLose) {
      widest.lineage = options.lineage?.recording(
        ModelLoss.longest(names: checkpoint.tensors.map(\.name)))
    }
    let index = try Self.index(
      of: checkpoint, tensors: items.map(\.planned), items: items, options: widest)
    plan = Self.plan(checkpoint, items, index, encoder, options, notes: notes)
  }

  /// Returns the index of the file.
  /// - Parameter tensors: The index entry of each item.
  static func index(
    of checkpoint: Checkpoint, tensors: [PackedTensor], items: [PackedItem],
    options: WriterOptions
  ) throws -> PackedIndex {
    var entryIndices: [UTF8Key: Int] = [:]
    var entries: [PackedIndex.Entry] = []
    var next = 0
    for tensor in checkpoint.tensors {
      if let target = tensor.aliasOf, let entryIndex = entryIndices[UTF8Key(target)] {
        entries.append(PackedIndex.Entry(name: tensor.name, content: .alias(of: entryIndex)))
      } else {
        entryIndices[UTF8Key(tensor.name)] = entries.count
        entries.append(PackedIndex.Entry(name: tensor.name, content: .tensor(tensors[next])))
        next += 1
      }
    }
    let isUnchanged = isWhole(checkpoint) && items.prefix(next).allSatisfy(\.keepsValues)
    return PackedIndex(
      entries: entries,
      attachments: checkpoint.companions.map { PackedIndex.Attachment($0.info) },
      metadata: checkpoint.metadata.map { PackedIndex.Pair(key: $0.key, value: $0.value.text) },
      requiredFeatures: PackedIndex.requiredFeatures(of: entries),
      optionalFeatures: PackedIndex.optionalFeatures(of: entries, isSealed: options.isSealed),
      writer: [
        PackedIndex.Pair(key: "sumac", value: Version.current),
        PackedIndex.Pair(key: "zstd", value: Zstd.version),
      ],
      lineage: try options.lineage?.json(), isSealed: options.isSealed,
      extensions: (checkpoint.attributes[PackedExtensions.self] ?? []).filter {
        isUnchanged || $0.isSafeToCopy
      } + [checkpoint.folder.packedExtension].compactMap(\.self))
  }

  /// Returns true if a checkpoint contains all tensors of one `.sumac` file under their original names.
  private static func isWhole(_ checkpoint: Checkpoint) -> Bool {
    let readers = checkpoint.tensors.compactMap { $0.packedOrigin?.reader }
    guard let reader = readers.first, readers.count == checkpoint.tensors.count else {
      return false
    }
    return readers.allSatisfy { $0 === reader }
      && checkpoint.tensors.map(\.name) == reader.index.entries.map(\.name)
  }

  private static func plan(
    _ checkpoint: Checkpoint, _ items: [PackedItem], _ index: PackedIndex,
    _ encoder: ChunkEncoder, _ options: WriterOptions, notes: [Message]
  ) -> OutputPlan {
    let plans = items.map { $0.plan(encoder) }
    var end = FileHeader.byteCount
    for (item, plan) in zip(items, plans) where plan.chunkCount > 0 {
      // A raw tensor of 1 MiB starts at the next page; an encoded one may have several segments.
      let isPaged = encoder.compression == .none && item.tensor.info.byteCount >= 1 << 20
      end = end.rounded(upTo: isPaged ? 4096 : 64) + plan.byteCount
      if case .encoded = item.work { end += 4 * 64 }
      if case .copied = item.work { end += 4096 }
    }
    let chunkCount = plans.reduce(0) { $0 + $1.chunkCount }
    let encoded = zip(items, plans).filter { item, _ in
      if case .encoded = item.work { true } else { false }
    }
    // The index may be compressed later; its uncompressed length is an upper bound.
    let encodedByteCount = encoded.reduce(0) { $0 + $1.1.indexByteCount }
    let indexByteCount =
      index.encoded().count + encodedByteCount
      + (options.hasContentIDs ? 48 * items.count : 0)
      + items.reduce(0) { $0 + ($1.mayLose ? 64 : 0) }
    let recordByteCount = ChunkRecord.byteCount * (options.isSealed ? 2 : 1)
    let tail =
      indexByteCount.rounded(upTo: 32) + chunkCount * recordByteCount + FileTrailer.byteCount
    let isExact =
      plans.allSatisfy(\.isExact) && !items.contains(where: \.mayLose) && encoded.isEmpty
      && indexByteCount < 4096
      && !items.contains { if case .copied = $0.work { true } else { false } }
    let workerByteCount =
      (plans.map(\.workerByteCount).max() ?? 0)
      + encoder.contextByteCount(
        streamByteCount: items.map { item in
          item.tensor.info.dtype.byteCount(of: item.tensor.info.grid.largestChunk)!
        }.max() ?? 0) + ZstdSettings.decompressionByteCount
    return OutputPlan(
      rows: rows(checkpoint, items, plans), companions: checkpoint.companions.map(\.name),
      byteCount: end.rounded(upTo: 64) + tail, isExact: isExact,
      demand: MemoryBudget.Demand(
        fixedByteCount: Self.indexMemory(
          checkpoint, items, tailByteCount: tail, encodedByteCount: encodedByteCount)
          + (plans.map(\.fixedByteCount).max() ?? 0),
        workerByteCount: workerByteCount),
      tileCount: chunkCount,
      valueByteCount: zip(items, plans).reduce(0) {
        $0 + $1.0.tensor.info.byteCount * $1.1.passCount
      }, notes: notes)
  }

  /// Returns the memory for the index and the chunk table while they are written, in bytes.
  ///
  /// The bytes exist up to four times: as values, in a growing array, as an array of all parts, and compressed. Few
  /// entries of encoded tensors reach an eighth of their bound, which has room for tables.
  /// - Parameter encodedByteCount: The bound on the entries of encoded tensors, part of `tailByteCount`.
  private static func indexMemory(
    _ checkpoint: Checkpoint, _ items: [PackedItem], tailByteCount: Int, encodedByteCount: Int
  ) -> Int {
    let aliasCount = checkpoint.tensors.count + checkpoint.companions.count - items.count
    return 4 * (tailByteCount - encodedByteCount) + encodedByteCount / 2
      + 1280 * items.count + 1024 * aliasCount + (1 << 20)
  }

  private static func rows(
    _ checkpoint: Checkpoint, _ items: [PackedItem], _ plans: [EncodingPlan]
  ) -> [OutputPlan.Row] {
    var next = 0
    return checkpoint.tensors.map { tensor in
      let isAlias = tensor.aliasOf != nil
      defer { next += isAlias ? 0 : 1 }
      return OutputPlan.Row(
        name: tensor.name, shape: tensor.info.shape, from: tensor.stored.label,
        to: isAlias ? "alias" : items[next].label,
        byteCount: isAlias ? 0 : plans[next].byteCount,
        isExact: isAlias || plans[next].isExact, file: "", isAlias: isAlias)
    }
  }

  /// The maximum number of chunks that are encoded for an estimate, spread evenly over the file.
  private static let sampleCount = 64

  package func estimatedByteCount() throws -> Int? {
    var lossless: [LosslessChunks] = []
    for item in items where encoder.compression != .none {
      guard case .lossless(let codec) = item.work else { continue }
      lossless.append(LosslessChunks(tensor: item.tensor, codec: codec, encoder: encoder))
    }
    let tiles = TileList(lossless.map(\.tensor.info.grid))
    let byteCount = lossless.reduce(0) { $0 + $1.tensor.info.byteCount }
    // Only lossless tensors are sampled. The rest has upper bounds only, so it must not be the larger part.
    guard !plan.isExact, tiles.count > 0, 2 * byteCount >= plan.byteCount else { return nil }
    var workspace = ByteBuffer(byteCount: lossless.map(\.workspaceByteCount).max() ?? 0)
    var (sampled, encodedByteCount) = (0, 0)
    let count = min(tiles.count, Self.sampleCount)
    for number in 0..<count {
      let tile = tiles[number * tiles.count / count]
      let chunks = lossless[tile.tensor]
      var span = workspace.mutableBytes
      sampled += ChunkLayout(chunks.tensor.info, chunk: tile.chunk).byteCount
      encodedByteCount += try chunks.encode(tile.chunk, workspace: &span) { bytes, _ in
        bytes.byteCount
      }
    }
    let share = Double(encodedByteCount) / Double(max(1, sampled))
    let encoded = Int(Double(byteCount) * share)  // fits: encoding adds at most a header to a chunk
    return plan.byteCount - byteCount + encoded
  }
}
