/// Unscaled frequencies: base^(−i/D).
///
/// Source: Su et al., "RoFormer", 2021.
package enum DefaultRope: RopeType {
  package static let name = "default"
  package static let summary = "as trained"
  package static let requiredKeys: [String] = []

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    RopeFrequencies(inverse: settings.unscaledFrequencies)
  }
}
