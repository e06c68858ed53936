package import TensorCore

/// A floating-point dtype that values can be converted to.
package enum FloatType: String, CaseIterable, Codable, Sendable {
  case f32, f16, bf16, f64

  package var dtype: DType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .f64: .f64
    }
  }
}
