import Base

/// Conversions of arrays between F32 and narrower floats.
package enum HalfPrecision {
  /// Returns `values` divided by `scale` as F16. Values out of range become the largest finite number of their sign.
  package static func halves(_ values: [Float], over scale: Float) -> [UInt8] {
    let scaled = scale == 1 ? values : values.map { $0 / scale }
    return converted(scaled.rawSpan, from: .f32, to: .f16, count: values.count)
  }

  /// Returns F16 numbers as F32.
  package static func floats(_ halves: borrowing RawSpan) -> [Float] {
    converted(halves, from: .f16, to: .f32, count: halves.byteCount / 2).rawSpan.floats()
  }

  /// Returns `count` values converted from one plain float dtype to another. Values out of range become the largest
  /// finite number of their sign.
  package static func converted(
    _ values: borrowing RawSpan, from: DType, to: DType, count: Int
  ) -> [UInt8] {
    precondition(from.isPlainFloat && to.isPlainFloat)
    var buffer = ByteBuffer(byteCount: count * to.bitsPerElement / 8)
    var span = buffer.mutableBytes
    do {
      try Kernels.best.convert(
        values, from: from, to: to, elementCount: count, saturating: true, into: &span)
    } catch {
      // The conversion fails only for a dtype without NaN.
      preconditionFailure("every plain float converts to every other")
    }
    return span.bytes.array()
  }
}
