package import Base
import TensorCore

/// A codec that encodes the positions of the kept values of a chunk as byte streams and decodes them to a mask.
///
/// A mask has one bit for each element of the chunk; the first element is the lowest bit of the first byte. Kept
/// values are stored in the order of their elements, whatever the codec. As for value codecs, `id` and `name` are
/// part of the `.sumac` format.
package protocol IndexCodec: Sendable {
  static var id: UInt8 { get }
  static var name: String { get }
  /// The stored form in a few sentences, for `explain`.
  static var explanation: String { get }

  init(_ parameters: CBORMap, dimensions: [Int]) throws(CodecProblem)
  var parameters: CBORMap { get }
  var label: String { get }

  /// Returns the minimum and maximum length of each stream of a chunk with `valueCount` kept values.
  func streamByteCounts(_ layout: ChunkLayout, valueCount: Int) -> [ClosedRange<Int>]

  func scratchByteCount(_ layout: ChunkLayout) -> Int

  /// Throws if a chunk cannot have `valueCount` kept values.
  func check(valueCount: Int, _ layout: ChunkLayout) throws(CodecProblem)

  /// Adds the positions to `mask` that the codec must also keep to fill whole blocks or groups.
  /// - Returns: False if the codec cannot represent the mask.
  @_lifetime(mask: copy mask)
  func complete(_ mask: inout MutableRawSpan, _ layout: ChunkLayout) -> Bool

  /// Writes the streams of a completed mask with `valueCount` bits one after the other.
  /// - Parameter streams: Memory for the maximum lengths.
  /// - Returns: The length of each stream.
  @_lifetime(streams: copy streams)
  func encode(
    _ mask: borrowing RawSpan, _ layout: ChunkLayout, valueCount: Int,
    into streams: inout MutableRawSpan
  ) -> [Int]

  /// Fills `mask`; its bits after the last element become 0.
  /// - Throws: A problem of kind `streams` if they do not give exactly `valueCount` positions.
  @_lifetime(mask: copy mask)
  func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout, valueCount: Int,
    into mask: inout MutableRawSpan
  ) throws(CodecProblem)

  /// Writes kept values to their positions and zero to all others, without an intermediate mask.
  /// - Parameter stream: The stream of the index.
  /// - Returns: False if the codec needs a mask; nothing is written then.
  /// - Throws: A problem of kind `streams` if the stream does not give exactly `valueCount` positions.
  @_lifetime(values: copy values)
  func scatter(
    _ packed: borrowing RawSpan, width: Int, at stream: borrowing RawSpan, valueCount: Int,
    into values: inout MutableRawSpan
  ) throws(CodecProblem) -> Bool
}

extension IndexCodec {
  package var id: UInt8 { Self.id }
  package var name: String { Self.name }
  package var label: String { Self.name }
  package func scratchByteCount(_ layout: ChunkLayout) -> Int { 0 }

  package func check(valueCount: Int, _ layout: ChunkLayout) throws(CodecProblem) {
    guard valueCount <= layout.elementCount else {
      throw CodecProblem(
        .streams, "\(valueCount) values are kept in a chunk of \(layout.elementCount)")
    }
  }

  @_lifetime(mask: copy mask)
  package func complete(_ mask: inout MutableRawSpan, _ layout: ChunkLayout) -> Bool { true }

  @_lifetime(values: copy values)
  package func scatter(
    _ packed: borrowing RawSpan, width: Int, at stream: borrowing RawSpan, valueCount: Int,
    into values: inout MutableRawSpan
  ) throws(CodecProblem) -> Bool { false }

  /// Throws if the mask does not have exactly `valueCount` bits, or has one after the last element.
  func check(
    _ mask: borrowing RawSpan, _ layout: ChunkLayout, valueCount: Int
  ) throws(CodecProblem) {
    let count = layout.elementCount
    let found = Kernels.best.count(ofMask: mask, elementCount: count)
    guard found == valueCount else {
      throw CodecProblem(.streams, "\(found) positions are kept, expected \(valueCount)")
    }
    guard
      count % 8 == 0
        || mask.littleEndian(UInt8.self, at: count / 8)! >> UInt8(count % 8) == 0
    else { throw CodecProblem(.streams, "bits after the end of the mask are set") }
  }
}
