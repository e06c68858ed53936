package import Base
import TensorCore

/// An index codec that stores the mask itself. Specification, section 10.1.
package struct BitmaskIndex: IndexCodec {
  package static let id: UInt8 = 1
  package static let name = "bitmask"
  package static let explanation = """
    Stores one bit for each value of a chunk: 1 if it is kept. Used for half-sparse tensors.
    """

  package init() {}

  package init(_ parameters: CBORMap, dimensions: [Int]) throws(CodecProblem) {
    try ParameterReader(parameters, of: Self.name).finish()
  }

  package var parameters: CBORMap { [:] }

  package func streamByteCounts(_ layout: ChunkLayout, valueCount: Int) -> [ClosedRange<Int>] {
    let count = Kernels.maskByteCount(elementCount: layout.elementCount)
    return [count...count]
  }

  @_lifetime(streams: copy streams)
  package func encode(
    _ mask: borrowing RawSpan, _ layout: ChunkLayout, valueCount: Int,
    into streams: inout MutableRawSpan
  ) -> [Int] {
    let count = Kernels.maskByteCount(elementCount: layout.elementCount)
    streams.copy(mask.extracting(0..<count))
    return [count]
  }

  @_lifetime(mask: copy mask)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout, valueCount: Int,
    into mask: inout MutableRawSpan
  ) throws(CodecProblem) {
    let stream = buffer.extracting(streams[0])
    try check(stream, layout, valueCount: valueCount)
    mask.copy(stream)
  }
}
