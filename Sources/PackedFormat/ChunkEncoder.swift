import Base
package import Codecs
import TensorCore
package import Zstd

/// Encodes the values of one chunk into its stored bytes. Specification, section 6.
package struct ChunkEncoder: Sendable {
  private let zstd: Zstd
  package let compression: Compression

  package init(zstd: Zstd, compression: Compression) {
    self.zstd = zstd
    self.compression = compression
  }

  /// The record of an encoded chunk, except its byte offset, stored length and checksum.
  package struct Encoded: Sendable {
    package var codecs: ChunkCodecs
    package var flags: ChunkRecord.Flags
    package var decodedByteCount: Int
    package var valueCount: Int

    init(
      codecs: ChunkCodecs, flags: ChunkRecord.Flags, decodedByteCount: Int, valueCount: Int
    ) {
      self.codecs = codecs
      self.flags = flags
      self.decodedByteCount = decodedByteCount
      self.valueCount = valueCount
    }

    /// Creates the description of a chunk that is already stored in a file.
    package init(_ record: ChunkRecord) {
      self.init(
        codecs: record.codecs, flags: record.flags, decodedByteCount: record.decodedByteCount,
        valueCount: record.valueCount)
    }
  }

  /// The memory of a worker's compression context, for streams of up to `byteCount` bytes.
  package func contextByteCount(streamByteCount byteCount: Int) -> Int {
    (compression.attempts + compression.followUps).map {
      $0.contextByteCount(inputByteCount: byteCount)
    }.max() ?? 0
  }

  // MARK: Dense terms

  /// The scratch memory that `encode` needs for chunks as large as `layout`, wherever they start.
  package func scratchByteCount(_ codec: any ValueCodec, _ layout: ChunkLayout) -> Int {
    if codec.isLossless, compression == .none { return 0 }
    let streams = Self.maximumByteCount(ofStreams: codec.streamByteCounts(layout))
    return Self.frameLayout(
      streamByteCount: streams, streamCount: 8, scratch: 2 * codec.scratchByteCount(layout)
    ).byteCount
  }

  /// Returns the layout of the memory for a chunk: its streams, the frame that receives them, and the scratch
  /// memory of the codec.
  static func frameLayout(streamByteCount: Int, streamCount: Int, scratch: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      streamByteCount, streamByteCount + StreamTable.byteCount(streamCount: streamCount),
      scratch: scratch)
  }

  /// The maximum length of an encoded chunk in bytes.
  package func mostByteCount(_ codec: any ValueCodec, _ layout: ChunkLayout) -> Int {
    let lengths = codec.streamByteCounts(layout)
    // A lossless chunk that does not shrink is stored as it is.
    return codec.isLossless
      ? layout.byteCount : lengths.reduce(StreamTable.byteCount(streamCount: lengths.count), +)
  }

  /// The maximum total length of streams, where `lengths` are those of the first chunk.
  ///
  /// A chunk that starts inside a group has more scales than the first chunk.
  private static func maximumByteCount(ofStreams lengths: [Int]) -> Int {
    lengths.dropFirst().reduce(lengths.first ?? 0) { $0 + 2 * $1 }
  }

  /// Encodes `values` and lends the stored bytes to `body`.
  ///
  /// A stream is stored compressed only if that saves at least one byte in a hundred. For a lossless
  /// codec, a chunk that repeats one value is encoded as `constant`, and a chunk whose frame is not
  /// smaller than its values is stored as `raw`.
  @_lifetime(scratch: copy scratch)
  package func encode<Result>(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, codec: any ValueCodec,
    scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, Encoded) throws -> Result
  ) throws -> Result {
    func encoded(_ codec: UInt8, _ flags: ChunkRecord.Flags, _ byteCount: Int) -> Encoded {
      Encoded(
        codecs: ChunkCodecs(value: codec), flags: flags, decodedByteCount: byteCount,
        valueCount: layout.elementCount)
    }
    if codec.isLossless {
      if compression == .none {
        return try body(values, encoded(RawCodec.id, [], values.byteCount))
      }
      let width = layout.dtype.bitsPerElement / 8
      if values.byteCount > width, ConstantCodec.fits(values, dtype: layout.dtype) {
        return try body(
          values.extracting(0..<width), encoded(ConstantCodec.id, [], width))
      }
    }
    let lengths = codec.streamByteCounts(layout)
    let total = lengths.reduce(0, +)
    let space = Self.frameLayout(
      streamByteCount: total, streamCount: lengths.count, scratch: codec.scratchByteCount(layout))
    let framed: Result? = try space.withSpans(of: &scratch) { streams, frame, rest in
      codec.encode(values, layout, into: &streams, scratch: &rest)
      let count = try compress(streams.bytes, lengths: lengths, into: &frame)
      if codec.isLossless, count >= values.byteCount { return nil }
      return try body(
        frame.bytes.extracting(0..<count), encoded(codec.id, .framed, total))
    }
    return try framed ?? body(values, encoded(RawCodec.id, [], values.byteCount))
  }

  /// The scratch memory that `frame` needs for chunks as large as `layout`, wherever they start.
  package func frameScratchByteCount(_ codec: any ValueCodec, _ layout: ChunkLayout) -> Int {
    Self.maximumByteCount(ofStreams: codec.streamByteCounts(layout))
      + StreamTable.byteCount(streamCount: 8)
  }

  /// Frames streams that are already encoded and lends the stored bytes to `body`.
  @_lifetime(scratch: copy scratch)
  package func frame<Result>(
    _ streams: borrowing RawSpan, _ ranges: [Range<Int>], of codec: any ValueCodec,
    valueCount: Int, scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, Encoded) throws -> Result
  ) throws -> Result {
    let count = try compress(streams, pieces: ranges, into: &scratch)
    return try body(
      scratch.bytes.extracting(0..<count),
      Encoded(
        codecs: ChunkCodecs(value: codec.id), flags: .framed,
        decodedByteCount: ranges.reduce(0) { $0 + $1.count }, valueCount: valueCount))
  }

  // MARK: Factors

  /// The codec for values that are stored without loss beside codes: factors and kept values.
  package var losslessCodec: any ValueCodec { compression == .none ? RawCodec() : PlanesCodec() }

  /// Encodes a chunk of a factor in half precision; `factor` holds the whole factor.
  @_lifetime(scratch: copy scratch)
  package func encodeFactor<Result>(
    _ factor: [UInt8], _ layout: ChunkLayout, scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, Encoded) throws -> Result
  ) throws -> Result {
    let values = factor.rawSpan.extracting(
      2 * layout.elements.lowerBound..<2 * layout.elements.upperBound)
    return try encode(values, layout, codec: losslessCodec, scratch: &scratch, body)
  }

  // MARK: Streams

  /// Returns consecutive ranges of these lengths, the first from `start`.
  static func ranges(of lengths: [Int], from start: Int) -> [Range<Int>] {
    var end = start
    return lengths.map { length in
      end += length
      return end - length..<end
    }
  }

  /// Writes the stream table and the streams into `frame`; returns the number of bytes written.
  @_lifetime(frame: copy frame)
  private func compress(
    _ streams: borrowing RawSpan, lengths: [Int], into frame: inout MutableRawSpan
  ) throws -> Int {
    try compress(streams, pieces: Self.ranges(of: lengths, from: 0), into: &frame)
  }

  /// Writes a stream table and the given pieces of `streams` into `frame`; returns the number of bytes written.
  @_lifetime(frame: copy frame)
  func compress(
    _ streams: borrowing RawSpan, pieces: [Range<Int>], into frame: inout MutableRawSpan
  ) throws -> Int {
    var end = StreamTable.byteCount(streamCount: pieces.count)
    for (index, piece) in pieces.enumerated() {
      let length = piece.count
      let stream = streams.extracting(piece)
      let stored = try compress(stream, into: &frame, at: end)
      if stored == nil { frame.copy(stream, at: end) }
      StreamTable.write(
        StreamTable.Entry(
          storedByteCount: stored ?? length, isCompressed: stored != nil, byteCount: length),
        index: index, into: &frame)
      end += stored ?? length
    }
    return end
  }

  /// Compresses one stream into `frame` at `byteOffset`; returns nil if that saves less than one byte in a hundred.
  @_lifetime(frame: copy frame)
  func compress(
    _ stream: borrowing RawSpan, into frame: inout MutableRawSpan, at byteOffset: Int
  ) throws -> Int? {
    let limit = stream.byteCount - max(1, (stream.byteCount + 99) / 100)
    guard limit > 0 else { return nil }
    func attempt(_ settings: ZstdSettings) throws -> Int? {
      var target = frame._mutatingExtracting(byteOffset..<byteOffset + limit)
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
    // A stream that shrinks this much has runs and repeats, which matches encode better than literals.
    if let count = best?.count, count <= stream.byteCount / 4 {
      for settings in compression.followUps { try consider(settings) }
    }
    guard let best else { return nil }
    // A later attempt that was larger has overwritten the best one.
    if last != best.settings { _ = try attempt(best.settings) }
    return best.count
  }
}
