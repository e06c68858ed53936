package import TensorCore

/// How the values of a chunk become streams of bytes and values again.
///
/// A codec is a value without state. Its `id` and `name` are part of the `.sumac` format: they are
/// never given to another codec, and what they decode to never changes.
package protocol ValueCodec: Sendable {
  var id: UInt16 { get }
  var name: String { get }
  /// Whether every bit of every value comes back.
  var isLossless: Bool { get }

  /// The lengths of the streams of a chunk of `elementCount` values, in their order.
  func streamByteCounts(dtype: DType, elementCount: Int) -> [Int]

  /// Writes the streams of `values` one after the other into `streams`, which has their lengths.
  /// - Parameter values: canonical bytes of `elementCount` values.
  @_lifetime(streams: copy streams)
  func encode(
    _ values: borrowing RawSpan, dtype: DType, elementCount: Int,
    into streams: inout MutableRawSpan)

  /// Writes the canonical bytes of `elementCount` values into `values`, which has their length.
  /// - Parameter streams: where each stream lies in `buffer`, with the lengths of `streamByteCounts`.
  @_lifetime(values: copy values)
  func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], dtype: DType, elementCount: Int,
    into values: inout MutableRawSpan)
}
