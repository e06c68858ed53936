package import Base
package import TensorCore

/// A codec with one stream for each byte of a word, least significant byte first. It brings bytes of the same kind
/// together: the exponents of floats, which compress well, and the mantissas, which hardly compress.
/// Specification, section 9.2.
///
/// A word is an element. A C64 element is two words of 4 bytes. Dtypes of 8 bits or fewer have one plane, their
/// bytes. Words of floats, including C64, are first rotated left by one bit. This moves the sign to bit 0 and the
/// exponent to the top byte.
package struct PlanesCodec: ValueCodec {
  package static let id: UInt8 = 1
  package static let name = "planes"
  package static let isLossless = true
  package static let explanation = """
    Stores one stream for each byte of a value, so that the exponents of floats are in a
    stream of their own, which Zstandard compresses well. Trained weights in BF16 need about
    two thirds of their bytes. It is the default for lossless tensors.
    """

  package init() {}

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    try ParameterReader(parameters, of: Self.name).finish()
  }

  package var parameters: CBORMap { [:] }

  package func streamByteCounts(_ layout: ChunkLayout) -> [Int] {
    let words = Words(layout)
    return Array(repeating: words.count, count: words.width)
  }

  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  package func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) {
    let words = Words(layout)
    guard words.width > 1 else { return streams.copy(values) }
    Kernels.best.splitPlanes(
      values, width: words.width, rotating: words.isRotated, into: &streams)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    let words = Words(layout)
    guard words.width > 1 else { return values.copy(buffer.extracting(streams[0])) }
    Kernels.best.joinPlanes(
      buffer, planes: streams, rotated: words.isRotated, into: &values)
  }

  private struct Words {
    let width: Int
    let count: Int
    let isRotated: Bool

    init(_ layout: ChunkLayout) {
      let (dtype, elementCount) = (layout.dtype, layout.elementCount)
      switch dtype {
      case .f16, .bf16, .f32, .f64:
        (width, count, isRotated) = (dtype.bitsPerElement / 8, elementCount, true)
      case .c64:
        (width, count, isRotated) = (4, 2 * elementCount, true)
      case .i16, .u16, .i32, .u32, .i64, .u64:
        (width, count, isRotated) = (dtype.bitsPerElement / 8, elementCount, false)
      case .bool, .f4, .f6E2M3, .f6E3M2, .u8, .i8, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ,
        .f8E5M2FNUZ:
        (width, count, isRotated) = (1, layout.byteCount, false)
      }
    }
  }
}
