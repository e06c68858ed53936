/// Position interpolation: all frequencies divided by a factor, so that positions fit the trained length.
///
/// Source: Chen et al., "Extending context window via position interpolation" (PI), 2023.
package enum LinearRope: RopeType {
  package static let name = "linear"
  package static let aliases = ["pi"]
  package static let summary = "position interpolation: all frequencies divided"
  package static let requiredKeys = ["factor"]

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    let factor = try settings.checkedFactor()
    return RopeFrequencies(inverse: settings.unscaledFrequencies.map { $0 / factor })
  }
}
