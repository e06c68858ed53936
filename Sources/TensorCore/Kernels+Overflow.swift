import Base

extension Kernels {
  /// Returns the index of the first finite F32 value that became infinite when it was rounded, or nil.
  ///
  /// - Parameters:
  ///   - values: The values before they were rounded.
  ///   - rounded: The values in `dtype`, without saturation.
  /// - Complexity: O(*n*). Values are examined one by one only after the first that is not finite.
  package func firstOverflow(
    of values: borrowing RawSpan, rounded: borrowing RawSpan, to dtype: DType
  ) -> Int? {
    let limit: Float
    switch dtype {
    // The first values that are rounded to infinity.
    case .f16: limit = 65520
    case .bf16: limit = 0x1.FFp127
    default: return nil
    }
    guard let first = firstNotFinite(rounded, dtype: dtype) else { return nil }
    return (first..<values.byteCount / 4).first { index in
      let value = Float(bitPattern: values.littleEndian(UInt32.self, at: 4 * index) ?? 0)
      return value.isFinite && value.magnitude >= limit
    }
  }
}

extension RawSpan {
  /// Returns true if a value of a plain float dtype is neither infinite nor NaN; true for all other dtypes.
  package func isFinite(_ index: Int, dtype: DType) -> Bool {
    switch dtype {
    case .f64: Double(bitPattern: littleEndian(UInt64.self, at: 8 * index) ?? 0).isFinite
    case .f32: Float(bitPattern: littleEndian(UInt32.self, at: 4 * index) ?? 0).isFinite
    case .bf16: (littleEndian(UInt16.self, at: 2 * index) ?? 0) & 0x7F80 != 0x7F80
    case .f16: (littleEndian(UInt16.self, at: 2 * index) ?? 0) & 0x7C00 != 0x7C00
    default: true
    }
  }
}
