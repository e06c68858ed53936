package import TensorCore

/// The canonical bytes as they are, in one stream.
package struct RawCodec: ValueCodec {
  package init() {}

  package var id: UInt16 { 0 }
  package var name: String { "raw" }
  package var isLossless: Bool { true }

  package func streamByteCounts(dtype: DType, elementCount: Int) -> [Int] {
    [elementCount * dtype.bitsPerElement / 8]
  }

  @_lifetime(streams: copy streams)
  package func encode(
    _ values: borrowing RawSpan, dtype: DType, elementCount: Int,
    into streams: inout MutableRawSpan
  ) {
    streams.copy(values)
  }

  @_lifetime(values: copy values)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], dtype: DType, elementCount: Int,
    into values: inout MutableRawSpan
  ) {
    values.copy(buffer.extracting(streams[0]))
  }
}
