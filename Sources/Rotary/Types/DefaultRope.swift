/// Unscaled frequencies: base^(−i/D).
///
/// Source: Su et al., "RoFormer", 2021.
package enum DefaultRope: RopeType {
  package static let name = "default"
  /// Qwen2-VL divides the frequencies among time, height and width; for text, they are the default ones.
  package static let aliases = ["mrope"]
  package static let summary = "as trained"
  package static let requiredKeys: [String] = []
  package static let isScaling = false

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    RopeFrequencies(inverse: settings.unscaledFrequencies)
  }
}
