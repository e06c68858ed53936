/// A function of a single number between two layers, with its derivative.
package enum ActivationKind: String, CaseIterable, Sendable {
  /// x Φ(x), where Φ is the normal distribution function. Source: Hendrycks and Gimpel, "Gaussian error linear units".
  case gelu
  /// The approximation x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³))) of the same paper.
  case geluTanh
  /// The approximation x σ(1.702 x) of the same paper.
  case quickGelu
  /// x σ(x)
  case silu
  /// max(0, x), with the derivative 0 at 0
  case relu
  case tanh

  /// Returns the kind for a name in the configuration of a model; nil if it is unknown.
  package init?(configured name: String) {
    switch name {
    case "gelu", "gelu_python": self = .gelu
    case "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate": self = .geluTanh
    case "quick_gelu": self = .quickGelu
    case "silu", "swish": self = .silu
    case "relu": self = .relu
    case "tanh": self = .tanh
    default: return nil
    }
  }

  /// The names that configurations use.
  package static let configuredNames = [
    "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "quick_gelu", "silu", "swish", "relu",
    "tanh",
  ]

  @inline(__always)
  private static func sigmoid<S: NetworkScalar>(_ x: SIMD16<S>) -> SIMD16<S> {
    1 / (1 + S.exp(-x))
  }

  /// √(2/π) and the factor of x³ in the approximation by tanh.
  @inline(__always)
  private static func tanhPart<S: NetworkScalar>(_ x: SIMD16<S>) -> SIMD16<S> {
    let cube: S = 0.044715
    return S.tanh((x + x * x * x * cube) * Self.root())
  }

  @inline(__always)
  private static func root<S: NetworkScalar>() -> S { 0.797_884_560_802_865_355_9 }

  @inline(__always)
  func value<S: NetworkScalar>(_ x: SIMD16<S>) -> SIMD16<S> {
    let half: S = 0.5
    switch self {
    case .gelu:
      let rootHalf: S = 0.707_106_781_186_547_524_4
      return x * half * (1 + S.erf(x * rootHalf))
    case .geluTanh: return x * half * (1 + Self.tanhPart(x))
    case .quickGelu:
      let steepness: S = 1.702
      return x * Self.sigmoid(x * steepness)
    case .silu: return x * Self.sigmoid(x)
    case .relu: return S.larger(x, SIMD16(repeating: 0))
    case .tanh: return S.tanh(x)
    }
  }

  @inline(__always)
  func slope<S: NetworkScalar>(_ x: SIMD16<S>) -> SIMD16<S> {
    let half: S = 0.5
    switch self {
    case .gelu:
      let rootHalf: S = 0.707_106_781_186_547_524_4
      let density: S = 0.398_942_280_401_432_677_9
      return (1 + S.erf(x * rootHalf)) * half + x * S.exp(x * x * -half) * density
    case .geluTanh:
      let t = Self.tanhPart(x)
      let cube: S = 0.134_145
      return (1 + t) * half + x * half * (1 - t * t) * (1 + x * x * cube) * Self.root()
    case .quickGelu:
      let steepness: S = 1.702
      let s = Self.sigmoid(x * steepness)
      return s + x * s * (1 - s) * steepness
    case .silu:
      let s = Self.sigmoid(x)
      return s * (1 + x * (1 - s))
    case .relu: return S.step(x)
    case .tanh:
      let t = S.tanh(x)
      return 1 - t * t
    }
  }
}
