package import Codecs
package import TensorCore
package import Zstd

/// Turns the values of one chunk into the bytes that are stored. Specification, section 6.
package struct ChunkEncoder: Sendable {
  private let zstd: Zstd
  private let compression: Compression

  package init(zstd: Zstd, compression: Compression) {
    self.zstd = zstd
    self.compression = compression
  }

  /// What is stored of a chunk, apart from its place and checksum.
  package struct Encoded: Sendable {
    package var codec: UInt16
    package var flags: ChunkRecord.Flags
    package var decodedByteCount: Int
  }

  /// Scratch memory that `encode` needs for chunks of up to `valueByteCount` bytes.
  package func scratchByteCount(valueByteCount: Int) -> Int {
    compression == .none ? 0 : 2 * valueByteCount + StreamTable.byteCount(streamCount: 8)
  }

  /// Memory that a compression context holds for each worker, for chunks of up to `valueByteCount`.
  package func contextByteCount(valueByteCount: Int) -> Int {
    (compression.attempts + compression.followUps).map {
      $0.contextByteCount(inputByteCount: valueByteCount)
    }.max() ?? 0
  }

  /// Encodes `values` and lends the stored bytes to `body`.
  ///
  /// A stream is stored compressed only if that saves at least one byte in a hundred, and the chunk
  /// falls back to `raw` where its frame is not smaller than its values.
  @_lifetime(scratch: copy scratch)
  package func encode<Result>(
    _ values: borrowing RawSpan, dtype: DType, elementCount: Int, codec: any ValueCodec,
    scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, Encoded) throws -> Result
  ) throws -> Result {
    let plain = Encoded(codec: RawCodec().id, flags: [], decodedByteCount: values.byteCount)
    guard compression != .none else { return try body(values, plain) }
    let lengths = codec.streamByteCounts(dtype: dtype, elementCount: elementCount)
    let total = lengths.reduce(0, +)
    let framed: (bytes: Int, Result?) = try scratch.split(at: total) { streams, frame in
      codec.encode(
        values, dtype: dtype, elementCount: elementCount, into: &streams)
      let count = try compress(streams.bytes, lengths: lengths, into: &frame)
      guard count < values.byteCount else { return (count, nil) }
      let encoded = Encoded(codec: codec.id, flags: .framed, decodedByteCount: total)
      return (count, try body(frame.bytes.extracting(0..<count), encoded))
    }
    if let result = framed.1 { return result }
    return try body(values, plain)
  }

  /// Writes the stream table and the streams into `frame`; returns their length.
  @_lifetime(frame: copy frame)
  private func compress(
    _ streams: borrowing RawSpan, lengths: [Int], into frame: inout MutableRawSpan
  ) throws -> Int {
    var end = StreamTable.byteCount(streamCount: lengths.count)
    var start = 0
    for (index, length) in lengths.enumerated() {
      let stream = streams.extracting(start..<start + length)
      let stored = try compress(stream, into: &frame, at: end)
      if stored == nil { frame.copy(stream, at: end) }
      StreamTable.write(
        StreamTable.Entry(
          storedByteCount: stored ?? length, isCompressed: stored != nil, byteCount: length),
        index: index, into: &frame)
      end += stored ?? length
      start += length
    }
    return end
  }

  /// Compresses one stream to `place`; nil if it saves less than one byte in a hundred.
  @_lifetime(frame: copy frame)
  private func compress(
    _ stream: borrowing RawSpan, into frame: inout MutableRawSpan, at place: Int
  ) throws -> Int? {
    let limit = stream.byteCount - max(1, (stream.byteCount + 99) / 100)
    guard limit > 0 else { return nil }
    func attempt(_ settings: ZstdSettings) throws -> Int? {
      var target = frame._mutatingExtracting(place..<place + limit)
      return try zstd.compress(stream, into: &target, settings)
    }
    var best: (settings: ZstdSettings, count: Int)?
    var last: ZstdSettings?
    func consider(_ settings: ZstdSettings) throws {
      last = settings
      guard let count = try attempt(settings), count < best?.count ?? .max else { return }
      best = (settings, count)
    }
    for settings in compression.attempts { try consider(settings) }
    // What shrinks this much has runs and repeats, which matches code better than literals.
    if let count = best?.count, count <= stream.byteCount / 4 {
      for settings in compression.followUps { try consider(settings) }
    }
    guard let best else { return nil }
    // A later attempt that lost has written over the winner.
    if last != best.settings { _ = try attempt(best.settings) }
    return best.count
  }
}
