package import Base
package import TensorCore

/// A codec that encodes the values of a chunk as byte streams and decodes them again.
///
/// A codec is a value: it consists of the *parameters* that its term stores in the index. `id` and `name` are part of
/// the `.sumac` format. They are never reused for another codec, and the values that streams decode to never change.
///
/// Lossless codecs work on the canonical bytes of the dtype of the chunk, all others on float32.
package protocol ValueCodec: Sendable {
  static var id: UInt8 { get }
  static var name: String { get }
  /// True if every bit of every value is restored.
  static var isLossless: Bool { get }
  /// The stored form in a few sentences, for `explain`.
  static var explanation: String { get }

  /// Creates a codec for such a tensor. Throws a problem of kind `parameters` if they are invalid for it.
  init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem)
  /// The parameters that the index stores for the codec.
  var parameters: CBORMap { get }
  /// A short form of the parameters, as on the command line: `int4:g128`.
  var label: String { get }

  /// True if this version can decode the streams; otherwise they are kept unchanged.
  var givesValues: Bool { get }

  /// Returns the lengths of the streams of a chunk, in order.
  func streamByteCounts(_ layout: ChunkLayout) -> [Int]

  /// Returns the number of bytes that `encode`, `decode` and `survey` need as scratch memory.
  func scratchByteCount(_ layout: ChunkLayout) -> Int

  /// True if `prepared` must be called with a survey of all values before `encode`.
  var needsSurvey: Bool { get }

  /// Adds a chunk to the survey that `prepared` receives.
  @_lifetime(scratch: copy scratch)
  func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan)

  /// Returns the codec with the properties that depend on all values of the tensor.
  func prepared(for survey: CodecSurvey) throws(CodecProblem) -> Self

  /// Writes the streams of `values` one after the other into `streams`, which has exactly their length.
  ///
  /// The values of a lossy codec must be finite.
  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan)

  /// Decodes the streams into `values`, which has exactly the length of the values.
  /// - Parameter streams: The range of each stream in `buffer`, with the lengths of `streamByteCounts`.
  /// - Throws: A problem of kind `streams` if they contain invalid data.
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
  /// The names that a file with this codec lists under `features.required`.
  package var requiredFeatures: Set<String> {
    parameters[GroupSpec.foldKey] == nil ? [] : [GroupSpec.foldFeature]
  }
  package var needsSurvey: Bool { false }
  package func scratchByteCount(_ layout: ChunkLayout) -> Int { 0 }

  @_lifetime(scratch: copy scratch)
  package func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan
  ) {}

  package func prepared(for survey: CodecSurvey) throws(CodecProblem) -> Self { self }

  /// Returns the size in bytes of the values of a chunk in the form that the codec works on.
  package func valueByteCount(_ layout: ChunkLayout) -> Int {
    isLossless ? layout.byteCount : 4 * layout.elementCount
  }
}

/// The properties of all values of a tensor that a codec may need. Surveys can be merged in any order.
package struct CodecSurvey: Sendable, Equatable {
  package var low: Float = .infinity
  package var high: Float = -.infinity
  /// The smallest scale that is not 0.
  package var minimumScale: Float = .infinity
  package var maximumScale: Float = 0

  package init() {}

  /// Adds the survey of other values of the same tensor.
  package mutating func merge(_ other: CodecSurvey) {
    low = min(low, other.low)
    high = max(high, other.high)
    minimumScale = min(minimumScale, other.minimumScale)
    maximumScale = max(maximumScale, other.maximumScale)
  }

  /// Returns `dtype`, or F32 instead of F16 or BF16 if scales would be infinite or lose bits below the normal range.
  package func scaleDType(preferring dtype: DType) -> DType {
    let hasScales = minimumScale <= maximumScale
    let fits =
      switch dtype {
      case .f16: minimumScale >= 0x1p-14 && maximumScale <= 65504
      case .bf16: minimumScale >= 0x1p-126 && maximumScale <= 0x1.FEp127
      default: true
      }
    return hasScales && !fits ? .f32 : dtype
  }

  /// The largest magnitude; 0 if there are no values.
  package var largest: Float { max(0, max(-low, high)) }
}
