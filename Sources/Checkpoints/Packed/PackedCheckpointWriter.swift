import Codecs
import PackedFormat
import TensorCore
import Zstd

/// Writes a checkpoint as one `.sumac` file.
package struct PackedCheckpointWriter: CheckpointWriter {
  private let checkpoint: Checkpoint
  private let options: WriterOptions
  private let index: PackedIndex
  /// Tensors that are no aliases, then companions: one segment each.
  private let stored: [LazyTensor]
  private let encoder: ChunkEncoder
  package let plan: OutputPlan

  package var isDirectory: Bool { false }

  package init(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    var checkpoint = checkpoint
    var notes: [String] = []
    if !options.keepsAliases {
      (checkpoint.tensors, notes) = checkpoint.withoutAliases(keeping: false)
    }
    self.checkpoint = checkpoint
    self.options = options
    stored = checkpoint.tensors.filter { $0.aliasOf == nil } + checkpoint.companions
    encoder = ChunkEncoder(zstd: Zstd(), compression: options.compression)
    index = try Self.index(of: checkpoint, options: options)
    plan = Self.plan(
      checkpoint, stored: stored, index: index, encoder: encoder, options: options, notes: notes)
  }

  private static func index(
    of checkpoint: Checkpoint, options: WriterOptions
  ) throws -> PackedIndex {
    let codec = options.compression.codecName
    var places: [UTF8Key: Int] = [:]
    var entries: [PackedIndex.Entry] = []
    for tensor in checkpoint.tensors {
      if let target = tensor.aliasOf, let place = places[UTF8Key(target)] {
        entries.append(PackedIndex.Entry(name: tensor.name, content: .alias(of: place)))
      } else {
        let term = PackedIndex.Term(codec: codec, chunkCount: tensor.info.grid.count)
        places[UTF8Key(tensor.name)] = entries.count
        entries.append(
          PackedIndex.Entry(name: tensor.name, content: .tensor(tensor.info, [term])))
      }
    }
    let hasTensors = !entries.isEmpty
    return PackedIndex(
      entries: entries,
      attachments: checkpoint.companions.map { PackedIndex.Attachment($0.info) },
      metadata: checkpoint.metadata.map { PackedIndex.Pair(key: $0.key, value: $0.value) },
      optionalFeatures: hasTensors ? ["codec:\(codec)", "term:dense"] : [],
      writer: [
        PackedIndex.Pair(key: "sumac", value: Version.current),
        PackedIndex.Pair(key: "zstd", value: Zstd.version),
      ],
      lineage: try options.lineage?.json())
  }

  private static func plan(
    _ checkpoint: Checkpoint, stored: [LazyTensor], index: PackedIndex, encoder: ChunkEncoder,
    options: WriterOptions, notes: [String]
  ) -> OutputPlan {
    let isRaw = options.compression == .none
    let segments = index.segments
    var end = FileHeader.byteCount
    for (segment, tensor) in zip(segments, stored) where segment.term.chunkCount > 0 {
      end = end.rounded(upTo: segment.alignment) + tensor.info.byteCount
    }
    let records = segments.reduce(0) { $0 + $1.term.chunkCount }
    // The index may be compressed; until then its plain length bounds it.
    let indexByteCount = index.encoded().count
    let tail =
      indexByteCount.rounded(upTo: 32) + records * ChunkRecord.byteCount + FileTrailer.byteCount
    let rows = checkpoint.tensors.map { tensor in
      OutputPlan.Row(
        name: tensor.name, shape: tensor.info.shape, from: tensor.stored.label,
        to: tensor.aliasOf == nil
          ? "\(tensor.info.dtype.name) \(options.compression.codecName)" : "alias",
        byteCount: tensor.aliasOf == nil ? tensor.info.byteCount : 0, isExact: isRaw, file: "")
    }
    return OutputPlan(
      rows: rows, companions: checkpoint.companions.map(\.name),
      byteCount: end.rounded(upTo: 64) + tail, isExact: isRaw && indexByteCount < 4096,
      demand: MemoryBudget.Demand(
        fixedByteCount: 4 * tail + 3072 * stored.count + (1 << 20),
        workerByteCount: workspaceByteCount(stored, encoder)
          + encoder.contextByteCount(valueByteCount: largestChunkByteCount(stored))
          + ZstdSettings.decompressionByteCount),
      tileCount: records, valueByteCount: stored.reduce(0) { $0 + $1.info.byteCount }, notes: notes)
  }

  private static func largestChunkByteCount(_ stored: [LazyTensor]) -> Int {
    stored.map { $0.info.dtype.byteCount(of: $0.info.grid.largestChunk)! }.max() ?? 0
  }

  private static func workspaceByteCount(_ stored: [LazyTensor], _ encoder: ChunkEncoder) -> Int {
    Engine.workspaceByteCount(of: stored) { tensor in
      encoder.scratchByteCount(
        valueByteCount: tensor.info.dtype.byteCount(of: tensor.info.grid.largestChunk)!)
    }
  }

  /// Chunks that are encoded for an estimate, spread evenly over the file.
  private static let sampleCount = 64

  package func estimatedByteCount() throws -> Int? {
    let tiles = TileList(stored.map(\.info.grid))
    guard !plan.isExact, tiles.count > 0 else { return nil }
    var workspace = ByteBuffer(byteCount: Self.workspaceByteCount(stored, encoder))
    var (sampled, encodedByteCount) = (0, 0)
    let count = min(tiles.count, Self.sampleCount)
    for number in 0..<count {
      let tile = tiles[number * tiles.count / count]
      let tensor = stored[tile.tensor]
      let byteCount = tensor.info.dtype.byteCount(of: tile.elements.count)!
      var span = workspace.mutableBytes
      sampled += byteCount
      encodedByteCount += try span.split(at: byteCount) { values, scratch in
        try tensor.source.read(tile.elements, into: &values, scratch: &scratch)
        return try encoder.encode(
          values.bytes, dtype: tensor.info.dtype, elementCount: tile.elements.count,
          codec: codec(of: tile.tensor), scratch: &scratch
        ) { bytes, _ in bytes.byteCount }
      }
    }
    let share = Double(encodedByteCount) / Double(max(1, sampled))
    return plan.byteCount - plan.valueByteCount + Int(Double(plan.valueByteCount) * share)
  }

  private func codec(of segment: Int) -> any ValueCodec {
    CodecRegistry.valueCodec(named: index.segments[segment].term.codec)!
  }

  package func write(to output: AtomicOutput, engine: Engine) throws {
    try output.writeFile { file in
      if plan.isExact { try file.reserve(byteCount: plan.byteCount) }
      let writer = try PackedWriter(file: file)
      let segments = index.segments
      let turnstile = Turnstile()
      try engine.forEachTile(
        of: stored, workspaceByteCount: Self.workspaceByteCount(stored, encoder),
        onFailure: turnstile.abandon
      ) { number, tile, values, scratch in
        let segment = segments[tile.tensor]
        try encoder.encode(
          values, dtype: segment.info.dtype, elementCount: tile.elements.count,
          codec: CodecRegistry.valueCodec(named: segment.term.codec)!, scratch: &scratch
        ) { bytes, encoded in
          let checksum = Kernels.xxh64(bytes)
          let offset = try turnstile.pass(number) {
            writer.place(
              byteCount: bytes.byteCount, checksum: checksum, valueCount: tile.elements.count,
              encoded: encoded, alignment: tile.chunk == 0 ? segment.alignment : nil)
          }
          try writer.write(bytes, at: offset)
        }
      }
      _ = try writer.finish(index)
    }
  }
}
