package import Base
package import TensorCore

/// A codec that stores the canonical bytes unchanged, in one stream. Specification, section 9.1.
package struct RawCodec: ValueCodec {
  package static let id: UInt8 = 0
  package static let name = "raw"
  package static let isLossless = true
  package static let explanation = """
    Stores the bytes of the values unchanged, in one stream. It is used where nothing shorter
    is found, and it is the form of all values in safetensors files.
    """

  package init() {}

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    try ParameterReader(parameters, of: Self.name).finish()
  }

  package var parameters: CBORMap { [:] }

  package func streamByteCounts(_ layout: ChunkLayout) -> [Int] { [layout.byteCount] }

  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  package func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) {
    streams.copy(values)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    values.copy(buffer.extracting(streams[0]))
  }
}
