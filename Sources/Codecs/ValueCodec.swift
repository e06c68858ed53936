package import Base
package import TensorCore

/// How the values of a chunk become streams of bytes and values again.
///
/// A codec is a value: what its term says of it in the index, its *parameters*, and no more. Its
/// `id` and `name` are part of the `.sumac` format: they are never given to another codec, and what
/// they decode to never changes.
///
/// Lossless codecs work on canonical bytes of the chunk's dtype, all others on float32.
package protocol ValueCodec: Sendable {
  static var id: UInt8 { get }
  static var name: String { get }
  /// Whether every bit of every value comes back.
  static var isLossless: Bool { get }

  /// Throws a problem of parameters if they are not those of this codec for such a tensor.
  init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem)
  /// What the index says of the codec.
  var parameters: CBORMap { get }
  /// Parameters in a word, as the command line has them: `int4:g128`.
  var label: String { get }

  /// Whether this version can decode it; otherwise its streams are kept as they are.
  var givesValues: Bool { get }

  /// The lengths of the streams of a chunk, in their order.
  func streamByteCounts(_ layout: ChunkLayout) -> [Int]

  /// Memory that `encode`, `decode` and `survey` need beside what they are given.
  func scratchByteCount(_ layout: ChunkLayout) -> Int

  /// Whether `prepared` must be called, with a survey of all values, before `encode`.
  var needsSurvey: Bool { get }

  /// Adds a chunk to the survey that `prepared` gets.
  @_lifetime(scratch: copy scratch)
  func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan)

  /// The codec with what must be known of all values before the first is encoded.
  func prepared(for survey: CodecSurvey) throws(CodecProblem) -> Self

  /// Writes the streams of `values` one after the other into `streams`, which has their lengths.
  ///
  /// Values of a codec that is not lossless are finite.
  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan)

  /// Writes the values into `values`, which has their length.
  /// - Parameter streams: where each stream lies in `buffer`, with the lengths of
  ///   `streamByteCounts`.
  /// - Throws: a problem of streams if they hold what the codec cannot mean.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws(CodecProblem)
}

extension ValueCodec {
  package var id: UInt8 { Self.id }
  package var name: String { Self.name }
  package var isLossless: Bool { Self.isLossless }
  package var label: String { Self.name }
  package var givesValues: Bool { true }
  package var needsSurvey: Bool { false }
  package func scratchByteCount(_ layout: ChunkLayout) -> Int { 0 }

  @_lifetime(scratch: copy scratch)
  package func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan
  ) {}

  package func prepared(for survey: CodecSurvey) throws(CodecProblem) -> Self { self }

  /// The length of a chunk's values in the form that the codec works on.
  package func valueByteCount(_ layout: ChunkLayout) -> Int {
    isLossless ? layout.byteCount : 4 * layout.elementCount
  }
}

/// What a codec may want to know of all values of a tensor. Merging has no order.
package struct CodecSurvey: Sendable, Equatable {
  package var low: Float = .infinity
  package var high: Float = -.infinity
  /// Of the scales that are not 0.
  package var leastScale: Float = .infinity
  package var greatestScale: Float = 0

  package init() {}

  package mutating func merge(_ other: CodecSurvey) {
    low = min(low, other.low)
    high = max(high, other.high)
    leastScale = min(leastScale, other.leastScale)
    greatestScale = max(greatestScale, other.greatestScale)
  }

  /// F32 in place of F16 or BF16 where scales would be infinite, or lose bits below the normal range.
  package func scaleDType(preferring dtype: DType) -> DType {
    let hasScales = leastScale <= greatestScale
    let fits =
      switch dtype {
      case .f16: leastScale >= 0x1p-14 && greatestScale <= 65504
      case .bf16: leastScale >= 0x1p-126 && greatestScale <= 0x1.FEp127
      default: true
      }
    return hasScales && !fits ? .f32 : dtype
  }

  /// The greatest magnitude; 0 if there are no values.
  package var largest: Float { max(0, max(-low, high)) }
}
