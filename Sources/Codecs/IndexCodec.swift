package import Base
import TensorCore

/// How the places of the kept values of a chunk become streams of bytes and a mask again.
///
/// A mask has a bit for each element of the chunk, the first in the lowest bit of the first byte.
/// Kept values follow in the order of their elements, whatever the codec. As of value codecs, `id`
/// and `name` belong to the `.sumac` format.
package protocol IndexCodec: Sendable {
  static var id: UInt8 { get }
  static var name: String { get }

  init(_ parameters: CBORMap, dimensions: [Int]) throws(CodecProblem)
  var parameters: CBORMap { get }
  var label: String { get }

  /// How long each stream of a chunk with so many kept values is: at least, and at most.
  func streamByteCounts(_ layout: ChunkLayout, valueCount: Int) -> [ClosedRange<Int>]

  func scratchByteCount(_ layout: ChunkLayout) -> Int

  /// Throws if a chunk cannot have so many kept values.
  func check(valueCount: Int, _ layout: ChunkLayout) throws(CodecProblem)

  /// Adds to `mask` what the codec must keep besides, for whole blocks or full groups.
  /// - Returns: false if the codec cannot hold the mask.
  @_lifetime(mask: copy mask)
  func complete(_ mask: inout MutableRawSpan, _ layout: ChunkLayout) -> Bool

  /// Writes the streams of a completed mask with `valueCount` bits one after the other into
  /// `streams`, which has the greatest lengths, and returns the lengths.
  @_lifetime(streams: copy streams)
  func encode(
    _ mask: borrowing RawSpan, _ layout: ChunkLayout, valueCount: Int,
    into streams: inout MutableRawSpan
  ) -> [Int]

  /// Fills `mask`, whose bits behind the last element become 0.
  /// - Throws: a problem of streams if they do not name exactly `valueCount` places.
  @_lifetime(mask: copy mask)
  func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout, valueCount: Int,
    into mask: inout MutableRawSpan
  ) throws(CodecProblem)
}

extension IndexCodec {
  package var id: UInt8 { Self.id }
  package var name: String { Self.name }
  package var label: String { Self.name }
  package func scratchByteCount(_ layout: ChunkLayout) -> Int { 0 }

  package func check(valueCount: Int, _ layout: ChunkLayout) throws(CodecProblem) {
    guard valueCount <= layout.elementCount else {
      throw CodecProblem(
        .streams, "\(valueCount) values are kept of \(layout.elementCount)")
    }
  }

  @_lifetime(mask: copy mask)
  package func complete(_ mask: inout MutableRawSpan, _ layout: ChunkLayout) -> Bool { true }

  /// Throws if the mask does not have so many bits, or one behind the last element.
  func check(
    _ mask: borrowing RawSpan, _ layout: ChunkLayout, valueCount: Int
  ) throws(CodecProblem) {
    let count = layout.elementCount
    let found = Kernels.best.count(ofMask: mask, elementCount: count)
    guard found == valueCount else {
      throw CodecProblem(.streams, "\(found) places are kept, expected \(valueCount)")
    }
    guard
      count % 8 == 0
        || mask.littleEndian(UInt8.self, at: count / 8)! >> UInt8(count % 8) == 0
    else { throw CodecProblem(.streams, "bits of the mask are set behind its end") }
  }
}

/// Single bits of a mask.
extension RawSpan {
  package func bit(_ place: Int) -> Bool {
    littleEndian(UInt8.self, at: place / 8)! >> UInt8(place % 8) & 1 == 1
  }
}

extension MutableRawSpan {
  @_lifetime(self: copy self)
  package mutating func setBit(_ place: Int) {
    let byte = bytes.littleEndian(UInt8.self, at: place / 8)!
    storeBytes(of: byte | 1 << UInt8(place % 8), toByteOffset: place / 8, as: UInt8.self)
  }
}
