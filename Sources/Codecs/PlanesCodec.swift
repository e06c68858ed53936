package import TensorCore

/// One stream per byte of a word, the least significant first, so that bytes of one meaning lie
/// together: of floats the exponents, which compress, and the mantissas, which hardly do.
///
/// A word is an element; C64 counts as two words of 4 bytes; dtypes of 8 bits and fewer have one
/// plane, their bytes. Words of floats (C64 too) are rotated left by one bit first, which puts the
/// sign in bit 0 and leaves the exponent alone in the top byte.
package struct PlanesCodec: ValueCodec {
  package init() {}

  package var id: UInt16 { 1 }
  package var name: String { "planes" }
  package var isLossless: Bool { true }

  package func streamByteCounts(dtype: DType, elementCount: Int) -> [Int] {
    let words = Words(dtype: dtype, elementCount: elementCount)
    return Array(repeating: words.count, count: words.width)
  }

  @_lifetime(streams: copy streams)
  package func encode(
    _ values: borrowing RawSpan, dtype: DType, elementCount: Int,
    into streams: inout MutableRawSpan
  ) {
    let words = Words(dtype: dtype, elementCount: elementCount)
    guard words.width > 1 else { return streams.copy(values) }
    Kernels.best.splitPlanes(
      values, width: words.width, rotating: words.isRotated, into: &streams)
  }

  @_lifetime(values: copy values)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], dtype: DType, elementCount: Int,
    into values: inout MutableRawSpan
  ) {
    let words = Words(dtype: dtype, elementCount: elementCount)
    guard words.width > 1 else { return values.copy(buffer.extracting(streams[0])) }
    Kernels.best.joinPlanes(
      buffer, planes: streams, rotated: words.isRotated, into: &values)
  }

  private struct Words {
    let width: Int
    let count: Int
    let isRotated: Bool

    init(dtype: DType, elementCount: Int) {
      switch dtype {
      case .f16, .bf16, .f32, .f64:
        (width, count, isRotated) = (dtype.bitsPerElement / 8, elementCount, true)
      case .c64:
        (width, count, isRotated) = (4, 2 * elementCount, true)
      case .i16, .u16, .i32, .u32, .i64, .u64:
        (width, count, isRotated) = (dtype.bitsPerElement / 8, elementCount, false)
      case .bool, .f4, .f6E2M3, .f6E3M2, .u8, .i8, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ,
        .f8E5M2FNUZ:
        (width, count, isRotated) = (1, elementCount * dtype.bitsPerElement / 8, false)
      }
    }
  }
}
