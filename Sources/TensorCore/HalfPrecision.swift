import Base

/// Values between F32 and narrower floats, in arrays.
package enum HalfPrecision {
  /// `values` over `scale` as F16; beyond its range the largest that it has.
  package static func halves(_ values: [Float], over scale: Float) -> [UInt8] {
    let scaled = scale == 1 ? values : values.map { $0 / scale }
    return converted(scaled.rawSpan, from: .f32, to: .f16, count: values.count)
  }

  /// F16 as F32.
  package static func floats(_ halves: borrowing RawSpan) -> [Float] {
    converted(halves, from: .f16, to: .f32, count: halves.byteCount / 2).rawSpan.floats()
  }

  /// - Parameters:
  ///   - from: F16, BF16 or F32; so is `to`.
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
      // Only a dtype without a NaN could fail.
      preconditionFailure("floats convert to floats")
    }
    return span.bytes.array()
  }
}
