import Base
package import Codecs
import TensorCore

/// Encoding of sparse terms.
extension ChunkEncoder {
  /// The scratch memory that `encodeSparse` needs for chunks as large as `layout`.
  package func sparseScratchByteCount(_ codec: any ValueCodec, _ layout: ChunkLayout) -> Int {
    let list = ChunkLayout(dtype: layout.dtype, listOf: layout.elementCount)
    let frame = Self.frameLayout(
      streamByteCount: sparseStreamByteCount(codec, list), streamCount: 10,
      scratch: codec.scratchByteCount(list))
    return Self.keptLayout(codec.valueByteCount(list), frame).byteCount
  }

  /// Returns the layout of the memory for a sparse chunk: its kept values, and the memory to frame them.
  private static func keptLayout(_ keptByteCount: Int, _ frame: WorkspaceLayout) -> WorkspaceLayout
  {
    WorkspaceLayout(keptByteCount, scratch: frame.byteCount)
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
    let positions = mask.bytes
    let count = Kernels.best.count(ofMask: positions, elementCount: layout.elementCount)
    let width = codec.isLossless ? layout.dtype.bitsPerElement / 8 : 4
    let space = Self.keptLayout(width * count, WorkspaceLayout())
    return try space.withSpans(of: &scratch) { kept, rest in
      Kernels.best.gather(values, width: width, mask: positions, into: &kept)
      return try encodeKept(
        kept.bytes, mask: positions, layout, candidates: Self.candidates(index), codec: codec,
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
    let space = Self.frameLayout(
      streamByteCount: indexRoom + valueTotal, streamCount: 1 + valueLengths.count,
      scratch: codec.scratchByteCount(list))
    return try space.withSpans(of: &scratch) { streams, frame, rest in
      var target = streams._mutatingExtracting(indexRoom..<indexRoom + valueTotal)
      codec.encode(kept, list, into: &target, scratch: &rest)
      var best: (codec: any IndexCodec, range: Range<Int>, stored: Int)?
      var byteOffset = 0
      for candidate in candidates {
        var target = streams._mutatingExtracting(byteOffset..<indexRoom)
        let length = candidate.encode(mask, layout, valueCount: count, into: &target)
          .reduce(0, +)
        let stream = streams.bytes.extracting(byteOffset..<byteOffset + length)
        let stored =
          candidates.count == 1 ? length : try compress(stream, into: &frame, at: 0) ?? length
        if stored < best?.stored ?? .max {
          best = (candidate, byteOffset..<byteOffset + length, stored)
        }
        byteOffset += length
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
