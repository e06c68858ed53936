import Base

/// Dynamic NTK: a base that grows with the length, which slows low frequencies and keeps high ones.
///
/// Up to the trained length, the frequencies are unscaled.
/// Source: NTK-aware scaling in the dynamic form of transformers.
package enum DynamicRope: RopeType {
  package static let name = "dynamic"
  package static let summary = "NTK-aware scaling for the current length"
  package static let requiredKeys = ["factor"]
  package static let parameterKeys = ["factor", "alpha"]

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    let factor = try settings.checkedFactor()
    guard let trained = settings.maximumLength.map(Double.init) else {
      throw RopeFault("rope type 'dynamic' needs 'max_position_embeddings'")
    }
    if let alpha = alpha(settings) {
      return RopeFrequencies(inverse: try inverse(settings, growth: alpha))
    }
    let used = max(trained, Double(length ?? 0))
    return RopeFrequencies(
      inverse: try inverse(settings, growth: factor * used / trained - (factor - 1)))
  }

  /// The fixed growth at all lengths that HunYuan sets; nil if the growth depends on the length.
  static func alpha(_ settings: RopeSettings) -> Double? {
    settings.number("alpha").flatMap { $0 > 0 ? $0 : nil }
  }

  /// Returns the NTK-aware frequencies for `growth` times the trained length.
  static func inverse(
    _ settings: RopeSettings, growth: Double
  ) throws(RopeFault) -> [Double] {
    let dim = settings.rotaryDim
    guard dim > 2 else {
      throw RopeFault("NTK scaling needs more than 2 rotated dimensions, found \(dim)")
    }
    let base = settings.theta * Real.pow(growth, Double(dim) / Double(dim - 2))
    return RopeSettings.frequencies(base: base, dim: dim)
  }
}
