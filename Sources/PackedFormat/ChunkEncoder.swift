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
    let streams = Self.mostByteCount(of: codec.streamByteCounts(layout))
    return 2 * streams + StreamTable.byteCount(streamCount: 8) + 2 * codec.scratchByteCount(layout)
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
  private static func mostByteCount(of lengths: [Int]) -> Int {
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
    let framed: Result? = try scratch.split(at: total) { streams, rest in
      try rest.split(at: total + StreamTable.byteCount(streamCount: lengths.count)) { frame, rest in
        codec.encode(values, layout, into: &streams, scratch: &rest)
        let count = try compress(streams.bytes, lengths: lengths, into: &frame)
        if codec.isLossless, count >= values.byteCount { return nil }
        return try body(
          frame.bytes.extracting(0..<count), encoded(codec.id, .framed, total))
      }
    }
    return try framed ?? body(values, encoded(RawCodec.id, [], values.byteCount))
  }

  /// The scratch memory that `frame` needs for chunks as large as `layout`, wherever they start.
  package func frameScratchByteCount(_ codec: any ValueCodec, _ layout: ChunkLayout) -> Int {
    Self.mostByteCount(of: codec.streamByteCounts(layout)) + StreamTable.byteCount(streamCount: 8)
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

  // MARK: Sparse terms

  /// The scratch memory that `encodeSparse` needs for chunks as large as `layout`.
  package func sparseScratchByteCount(_ codec: any ValueCodec, _ layout: ChunkLayout) -> Int {
    let list = ChunkLayout(dtype: layout.dtype, listOf: layout.elementCount)
    let streams = sparseStreamByteCount(codec, list)
    return codec.valueByteCount(list) + 2 * streams + StreamTable.byteCount(streamCount: 10)
      + codec.scratchByteCount(list)
  }

  /// The maximum total length of a mask, its gaps, and the streams of the values.
  private func sparseStreamByteCount(_ codec: any ValueCodec, _ list: ChunkLayout) -> Int {
    Kernels.maskByteCount(elementCount: list.elementCount)
      + Kernels.maximumGapByteCount(
        positionCount: list.elementCount, elementCount: list.elementCount)
      + codec.streamByteCounts(list).reduce(0, +)
  }

  /// Encodes the `values` whose bits are set in `mask` and lends the stored bytes to `body`.
  ///
  /// If the index is `bitmask` or `gap8`, the smaller of both is stored, `bitmask` if they are equal.
  /// For other indexes, `mask` is first completed to their pattern.
  /// - Parameter values: The values of all elements, in the form that the codec works on.
  /// - Throws: ``CodecProblem`` if the index codec cannot represent the mask.
  @_lifetime(scratch: copy scratch)
  @_lifetime(mask: copy mask)
  package func encodeSparse<Result>(
    _ values: borrowing RawSpan, mask: inout MutableRawSpan, _ layout: ChunkLayout,
    index: any IndexCodec, codec: any ValueCodec, scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, Encoded) throws -> Result
  ) throws -> Result {
    guard index.complete(&mask, layout) else {
      throw CodecProblem(.values, "more values are kept than the pattern \(index.label) allows")
    }
    let places = mask.bytes
    let count = Kernels.best.count(ofMask: places, elementCount: layout.elementCount)
    let width = codec.isLossless ? layout.dtype.bitsPerElement / 8 : 4
    return try scratch.split(at: width * count) { kept, rest in
      Kernels.best.gather(values, width: width, mask: places, into: &kept)
      return try encodeKept(
        kept.bytes, mask: places, layout, candidates: Self.candidates(index), codec: codec,
        scratch: &rest, body)
    }
  }

  /// Returns the index codecs that are tried for a requested one; the smallest result is stored.
  package static func candidates(_ index: any IndexCodec) -> [any IndexCodec] {
    index is BitmaskIndex || index is Gap8Index ? [BitmaskIndex(), Gap8Index()] : [index]
  }

  /// Encodes a contiguous list of kept values with the complete mask of their positions.
  /// - Parameter candidates: One or more index codecs; the smallest result is stored.
  @_lifetime(scratch: copy scratch)
  package func encodeKept<Result>(
    _ kept: borrowing RawSpan, mask: borrowing RawSpan, _ layout: ChunkLayout,
    candidates: [any IndexCodec], codec: any ValueCodec, scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, Encoded) throws -> Result
  ) throws -> Result {
    let count = Kernels.best.count(ofMask: mask, elementCount: layout.elementCount)
    let list = ChunkLayout(dtype: layout.dtype, listOf: count)
    let isConstant =
      codec.isLossless && compression != .none && count > 0
      && ConstantCodec.fits(kept, dtype: layout.dtype)
    let codec: any ValueCodec = isConstant ? ConstantCodec() : codec
    return try encode(
      kept, list, mask: mask, layout, candidates: candidates, codec: codec, scratch: &scratch, body)
  }

  /// Encodes kept values and their mask.
  @_lifetime(scratch: copy scratch)
  private func encode<Result>(
    _ kept: borrowing RawSpan, _ list: ChunkLayout, mask: borrowing RawSpan,
    _ layout: ChunkLayout, candidates: [any IndexCodec], codec: any ValueCodec,
    scratch: inout MutableRawSpan, _ body: (borrowing RawSpan, Encoded) throws -> Result
  ) throws -> Result {
    let count = list.elementCount
    let valueLengths = codec.streamByteCounts(list)
    let valueTotal = valueLengths.reduce(0, +)
    let indexRoom = candidates.map {
      $0.streamByteCounts(layout, valueCount: count).reduce(0) { $0 + $1.upperBound }
    }.reduce(0, +)
    return try scratch.split(at: indexRoom + valueTotal) { streams, rest in
      let frameByteCount =
        indexRoom + valueTotal + StreamTable.byteCount(streamCount: 1 + valueLengths.count)
      return try rest.split(at: frameByteCount) { frame, rest in
        var target = streams._mutatingExtracting(indexRoom..<indexRoom + valueTotal)
        codec.encode(kept, list, into: &target, scratch: &rest)
        var best: (codec: any IndexCodec, place: Range<Int>, stored: Int)?
        var place = 0
        for candidate in candidates {
          var target = streams._mutatingExtracting(place..<indexRoom)
          let length = candidate.encode(mask, layout, valueCount: count, into: &target)
            .reduce(0, +)
          let stream = streams.bytes.extracting(place..<place + length)
          let stored =
            candidates.count == 1 ? length : try compress(stream, into: &frame, at: 0) ?? length
          if stored < best?.stored ?? .max { best = (candidate, place..<place + length, stored) }
          place += length
        }
        // `candidates` is not empty.
        let (chosen, range, _) = best!
        let lengths = [range.count] + valueLengths
        let length = try compress(
          streams.bytes, pieces: [range] + Self.ranges(of: valueLengths, from: indexRoom),
          into: &frame)
        return try body(
          frame.bytes.extracting(0..<length),
          Encoded(
            codecs: ChunkCodecs(index: chosen.id, value: codec.id), flags: .framed,
            decodedByteCount: lengths.reduce(0, +), valueCount: count))
      }
    }
  }

  private static func ranges(of lengths: [Int], from start: Int) -> [Range<Int>] {
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

  @_lifetime(frame: copy frame)
  private func compress(
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

  /// Compresses one stream into `frame` at `place`; returns nil if that saves less than one byte in a hundred.
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
