import Base
package import Checkpoints
import Codecs
import Crypto
package import PackedFormat
import Synchronization
package import SystemPackage
import TensorCore

extension PackedCheckpointWriter {
  package func write(to output: AtomicOutput, engine: Engine) throws {
    try output.writeFile { file in
      if plan.isExact { try file.reserve(byteCount: plan.byteCount) }
      try write(to: file, engine: engine)
    }
  }

  package func write(toPipe descriptor: FileDescriptor, engine: Engine) throws {
    try write(to: PipeSink(descriptor), engine: engine)
  }

  /// Writes the file in one pass from its first byte to its last.
  package func write(to sink: any PackedSink, engine: Engine) throws {
    let writer = try PackedWriter(sink, isSealed: options.isSealed)
    var tensors = items.map(\.planned)
    var start = 0
    while start < items.count {
      let end = runEnd(from: start)
      switch items[start].work {
      case .copied(let reader, let segments):
        let last = items[end - 1].copiedSegments ?? segments
        let copies = writer.place(copiesOf: segments.lowerBound..<last.upperBound, of: reader)
        try copy(copies, for: items[start..<end], writer, engine)
        if options.hasContentIDs {
          for number in start..<end
          where !items[number].isCompanion && tensors[number].contentID == nil {
            tensors[number].contentID = try items[number].tensor.contentID(engine: engine)
          }
        }
      case .lossless:
        let ids = try writeLossless(items[start..<end].map { $0 }, writer, engine)
        for (number, id) in zip(start..<end, ids) {
          tensors[number].contentID = id
          if let loss = items[number].tensor.source.loss?.total {
            tensors[number].quality = PackedTensor.Quality(loss)
          }
        }
      case .encoded(let encoding):
        tensors[start] = try write(items[start], encoding, writer, engine)
      }
      start = end
    }
    var options = options
    options.lineage = try options.identifiedLineage(engine: engine)?.recording(
      ModelLoss(engine.losses.tensors, elementCount: plan.elementCount))
    let index = try Self.index(
      of: checkpoint, tensors: tensors, items: items, options: options)
    _ = try writer.finish(index)
  }

  /// Returns the end of the run of items, beginning at `start`, that are written together.
  private func runEnd(from start: Int) -> Int {
    var end = start + 1
    while end < items.count, items[end - 1].continues(with: items[end]) { end += 1 }
    return end
  }

  /// Copies the stored chunks of a run of items, and compares the checksum of each.
  private func copy(
    _ copies: PackedWriter.Copies, for items: ArraySlice<PackedItem>, _ writer: PackedWriter,
    _ engine: Engine
  ) throws {
    let byteCount = items.reduce(0) { $0 + $1.tensor.info.byteCount }
    @Sendable func progress(_ chunk: Int) -> Int {
      let share = Double(chunk) / Double(copies.chunkCount)
      return Int(Double(byteCount) * share)  // fits: the share is at most 1
    }
    let workers = writer.isSequential ? 1 : engine.workers
    let engine = Engine(
      workers: workers, cancellation: engine.cancellation, progress: engine.progress)
    try engine.forEachPiece(
      count: copies.chunkCount, workspaceByteCount: copies.bufferByteCount
    ) { chunk, workspace in
      try writer.copy(chunk: chunk, of: copies, buffer: &workspace)
      engine.progress.advance(byteCount: progress(chunk + 1) - progress(chunk))
    }
    for item in items where !item.isCompanion {
      engine.progress.finish(tensor: item.tensor.info)
    }
  }

  // MARK: Lossless tensors

  /// Writes a run of lossless items.
  /// - Returns: The content id of each item, if the options request them.
  private func writeLossless(
    _ items: [PackedItem], _ writer: PackedWriter, _ engine: Engine
  ) throws -> [[UInt8]?] {
    let codecs = items.map(\.losslessCodec)
    let workspaceByteCount =
      zip(items, codecs).map { item, codec in
        Engine.workspaceByteCount(of: [item.tensor]) { tensor in
          guard tensor.info.grid.count > 0 else { return 0 }
          return encoder.scratchByteCount(codec, ChunkLayout(tensor.info, chunk: 0))
        }
      }.max() ?? 0
    let segments = zip(items, codecs).map { item, codec in
      PackedSegment(
        owner: item.isCompanion ? .attachment(0) : .tensor(0, term: 0), info: item.tensor.info,
        content: .dense(codec), chunkCount: item.tensor.info.grid.count)
    }
    let hashes = Mutex(options.hasContentIDs ? items.map { _ in SHA256() } : [])
    let turnstile = Turnstile()
    try engine.forEachTile(
      of: items.map(\.tensor), workspaceByteCount: workspaceByteCount,
      fileCount: items.count(where: \.isCompanion), onFailure: turnstile.abandon
    ) { number, tile, values, scratch in
      let segment = segments[tile.tensor]
      try encoder.encode(
        values, segment.layout(ofChunk: tile.chunk), codec: codecs[tile.tensor],
        scratch: &scratch
      ) { bytes, encoded in
        let chunk = writer.chunk(
          bytes, encoded, alignment: tile.chunk == 0 ? segment.alignment : nil)
        let offset = try turnstile.pass(number) {
          if options.hasContentIDs { hashes.withLock { $0[tile.tensor].update(values) } }
          return try writer.place(chunk, bytes)
        }
        if let offset { try writer.write(bytes, at: offset) }
      }
    }
    guard options.hasContentIDs else { return items.map { _ in nil } }
    return zip(items, hashes.withLock { $0 }).map { item, hash in
      item.isCompanion ? nil : Array(hash.finalize())
    }
  }

  // MARK: Encoded tensors

  /// Writes a tensor in the terms of its encoding.
  /// - Returns: The index entry of the tensor.
  private func write(
    _ item: PackedItem, _ encoding: any TensorEncoding, _ writer: PackedWriter, _ engine: Engine
  ) throws -> PackedTensor {
    let prepared = try encoding.prepared(
      item.tensor, encoder: encoder, engine: engine, wantsContentID: options.hasContentIDs)
    let segments = prepared.segments
    let starts = segments.reduce(into: [0]) { $0.append($0.last! + $1.chunkCount) }
    let turnstile = Turnstile()
    try engine.forEachPiece(
      count: starts[segments.count], workspaceByteCount: prepared.workspaceByteCount,
      onFailure: turnstile.abandon
    ) { number, workspace in
      let segment = segments.indices.last { starts[$0] <= number }!
      let chunk = number - starts[segment]
      let alignment = chunk == 0 ? segments[segment].alignment : nil
      try prepared.encode(
        segment: segment, chunk: chunk, workspace: &workspace
      ) { bytes, encoded in
        let chunk = writer.chunk(bytes, encoded, alignment: alignment)
        let offset = try turnstile.pass(number) { try writer.place(chunk, bytes) }
        if let offset { try writer.write(bytes, at: offset) }
      }
      let (count, total) = (starts[segments.count], item.tensor.info.byteCount)
      engine.progress.advance(byteCount: total * (number + 1) / count - total * number / count)
    }
    engine.progress.finish(tensor: item.tensor.info)
    var tensor = prepared.finished()
    tensor.extensions = item.planned.extensions
    record(item.tensor, &tensor, engine.losses)
    return tensor
  }

  /// Records the loss of an encoded tensor: that which its encoding measured, or that of its source.
  private func record(_ source: LazyTensor, _ tensor: inout PackedTensor, _ losses: LossLog) {
    var loss = source.source.loss?.total ?? ValueLoss()
    if let quality = tensor.quality {
      loss.squares = quality.error * quality.error
      loss.normSquares = quality.norm * quality.norm
      loss.largest = quality.largest
    } else {
      tensor.quality = PackedTensor.Quality(loss)
    }
    losses.record(loss, of: tensor.info)
  }
}

extension PackedTensor.Quality {
  /// Creates the statement about a loss; nil if there is none, if values became infinite, whose distance is not finite,
  /// or if the sums are too large for F64.
  fileprivate init?(_ loss: ValueLoss) {
    guard !loss.isNone, loss.infinities == 0, loss.squares.isFinite, loss.normSquares.isFinite
    else { return nil }
    self.init(
      norm: loss.normSquares.squareRoot(), error: loss.squares.squareRoot(), largest: loss.largest)
  }
}

extension PackedItem {
  fileprivate var losslessCodec: any ValueCodec {
    if case .lossless(let codec) = work { codec } else { RawCodec() }
  }

  fileprivate var copiedSegments: Range<Int>? {
    if case .copied(_, let segments) = work { segments } else { nil }
  }

  /// Returns true if this item and `next` are written in one pass.
  fileprivate func continues(with next: PackedItem) -> Bool {
    switch (work, next.work) {
    case (.lossless, .lossless): true
    case (.copied(let reader, let segments), .copied(let other, let following)):
      reader === other && segments.upperBound == following.lowerBound
    default: false
    }
  }
}
