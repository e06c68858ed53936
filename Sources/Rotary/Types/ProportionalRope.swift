import Base

/// Proportional rotation: a share of the dimensions rotates, with exponents over the whole head; the frequencies of
/// the others are 0.
///
/// Source: the type `proportional` of transformers 5.
package enum ProportionalRope: RopeType {
  package static let name = "proportional"
  package static let summary = "a share of the whole head's frequencies, the rest 0"
  package static let requiredKeys: [String] = []
  package static let parameterKeys = ["factor"]

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    let factor = settings.number("factor") ?? 1
    guard factor >= 1, factor.isFinite else {
      throw RopeFault("factor is \(factor), expected 1 or more")
    }
    let count = settings.partialFactor * Double(settings.headDim) / 2
    let all = RopeSettings.frequencies(base: settings.theta, dim: settings.headDim)
    return RopeFrequencies(
      inverse: all.enumerated().map { Double($0) < count.rounded(.down) ? $1 / factor : 0 })
  }
}
