package import Base
import TensorCore

/// An index codec with one byte for each kept value: the number of elements between it and the previous kept value.
/// Specification, section 10.2.
package struct Gap8Index: IndexCodec {
  package static let id: UInt8 = 2
  package static let name = "gap8"
  package static let explanation = """
    Stores one byte for each kept value: the number of values between it and the kept value
    before it. Shorter than bitmask if fewer than one value in eight is kept.
    """

  package init() {}

  package init(_ parameters: CBORMap, dimensions: [Int]) throws(CodecProblem) {
    try ParameterReader(parameters, of: Self.name).finish()
  }

  package var parameters: CBORMap { [:] }

  package func streamByteCounts(_ layout: ChunkLayout, valueCount: Int) -> [ClosedRange<Int>] {
    let maximum = Kernels.maximumGapByteCount(
      positionCount: valueCount, elementCount: layout.elementCount)
    return [valueCount...maximum]
  }

  @_lifetime(streams: copy streams)
  package func encode(
    _ mask: borrowing RawSpan, _ layout: ChunkLayout, valueCount: Int,
    into streams: inout MutableRawSpan
  ) -> [Int] {
    [Kernels.best.encodeGaps(ofMask: mask, elementCount: layout.elementCount, into: &streams)]
  }

  @_lifetime(mask: copy mask)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout, valueCount: Int,
    into mask: inout MutableRawSpan
  ) throws(CodecProblem) {
    guard
      Kernels.best.decodeGaps(
        buffer.extracting(streams[0]), positionCount: valueCount, elementCount: layout.elementCount,
        intoMask: &mask)
    else { throw Self.problem(valueCount) }
  }

  static func problem(_ valueCount: Int) -> CodecProblem {
    CodecProblem(.streams, "the gaps do not give exactly \(valueCount) positions in the chunk")
  }

  @_lifetime(values: copy values)
  package func scatter(
    _ packed: borrowing RawSpan, width: Int, at stream: borrowing RawSpan, valueCount: Int,
    into values: inout MutableRawSpan
  ) throws(CodecProblem) -> Bool {
    guard Kernels.best.scatter(packed, width: width, gaps: stream, into: &values) else {
      throw Self.problem(valueCount)
    }
    return true
  }
}
