import TensorCore

/// Factors as they are stored.
enum HalfPrecision {
  /// `values` over `scale` as F16.
  static func halves(_ values: [Float], over scale: Float) -> [UInt8] {
    let scaled = scale == 1 ? values : values.map { $0 / scale }
    return converted(scaled.rawSpan, from: .f32, to: .f16, count: values.count)
  }

  static func floats(_ halves: [UInt8]) -> [Float] {
    let bytes = converted(halves.rawSpan, from: .f16, to: .f32, count: halves.count / 2)
    return bytes.rawSpan.floats()
  }

  /// Between dtypes that have a NaN each.
  static func converted(
    _ values: borrowing RawSpan, from: DType, to: DType, count: Int
  ) -> [UInt8] {
    var buffer = ByteBuffer(byteCount: count * to.bitsPerElement / 8)
    var span = buffer.mutableBytes
    do {
      try Kernels.best.convert(
        values, from: from, to: to, elementCount: count, saturating: true, into: &span)
    } catch {
      preconditionFailure("floats convert to floats")
    }
    return span.bytes.array()
  }
}
