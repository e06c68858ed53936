package import Base
package import TensorCore

/// A single value that all elements of a chunk have, bit for bit. Specification, section 9.7.
package struct ConstantCodec: ValueCodec {
  package static let id: UInt8 = 2
  package static let name = "constant"
  package static let isLossless = true
  package static let explanation = """
    Stores one value for a chunk whose values are all equal, bit for bit, such as zeros.
    """

  package init() {}

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    let reader = ParameterReader(parameters, of: Self.name)
    try reader.finish()
    guard Self.holds(dtype) else {
      throw reader.problem("does not support \(dtype.name), whose values are not whole bytes")
    }
  }

  /// Returns true if the codec supports the dtype: its values must be whole bytes.
  package static func holds(_ dtype: DType) -> Bool { dtype.bitsPerElement % 8 == 0 }

  package var parameters: CBORMap { [:] }

  /// Returns true if all values are equal, so that the codec represents them without loss.
  package static func fits(_ values: borrowing RawSpan, dtype: DType) -> Bool {
    let width = dtype.bitsPerElement / 8
    guard holds(dtype), values.byteCount >= width else { return false }
    // All values are equal if each value equals the one before it.
    let rest = values.extracting(width..<values.byteCount)
    return rest.firstDifference(from: values) == nil
  }

  package func streamByteCounts(_ layout: ChunkLayout) -> [Int] {
    [min(1, layout.elementCount) * layout.dtype.bitsPerElement / 8]
  }

  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  package func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) {
    precondition(
      values.byteCount == 0 || Self.fits(values, dtype: layout.dtype), "values are not constant")
    streams.copy(values.extracting(0..<streams.byteCount))
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    guard layout.elementCount > 0 else { return }
    values.copy(buffer.extracting(streams[0]))
    // Copies the part already filled, which doubles each time.
    var done = streams[0].count
    while done < values.byteCount {
      let count = min(done, values.byteCount - done)
      values.split(at: done) { first, rest in rest.copy(first.bytes.extracting(0..<count)) }
      done += count
    }
  }
}
