import Base
import TensorCore

/// LongRoPE: a factor for each frequency, from one list up to the original length and another list beyond it.
///
/// Source: Ding et al., "LongRoPE", ICML 2024, in the form of transformers.
package enum LongRope: RopeType {
  package static let name = "longrope"
  package static let aliases = ["su"]
  package static let summary = "a factor for each dimension"
  package static let requiredKeys = ["long_factor", "short_factor"]
  package static let parameterKeys = [
    "long_factor", "short_factor", "factor", "attention_factor", "short_mscale", "long_mscale",
    "original_max_position_embeddings",
  ]

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    let original = try settings.checkedOriginalLength()
    let long = try factors(settings, "long_factor")
    let short = try factors(settings, "short_factor")
    let isLong = Double(length ?? 0) > original
    let inverse = zip(settings.unscaledFrequencies, isLong ? long : short).map { $0 / $1 }
    // Phi-3.5-MoE has an attention factor for each list.
    if let own = settings.number(isLong ? "long_mscale" : "short_mscale") {
      return RopeFrequencies(inverse: inverse, attentionFactor: own)
    }
    return RopeFrequencies(
      inverse: inverse, attentionFactor: try attentionFactor(settings, original: original))
  }

  /// Returns the list of factors under `key`, one for each frequency.
  private static func factors(
    _ settings: RopeSettings, _ key: String
  ) throws(RopeFault) -> [Double] {
    let list = settings.values[key]?.asArray?.compactMap(\.asDouble) ?? []
    let count = settings.rotaryDim / 2
    guard list.count == count, settings.values[key]?.asArray?.count == count else {
      throw RopeFault(
        "\(key) has \(settings.values[key]?.asArray?.count ?? 0) entries, expected \(count) numbers, "
          + "one for each pair of rotated dimensions")
    }
    guard list.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw RopeFault("\(key) contains a factor that is not a finite number above 0")
    }
    return list
  }

  private static func attentionFactor(
    _ settings: RopeSettings, original: Double
  ) throws(RopeFault) -> Double {
    if let given = try settings.givenAttentionFactor() { return given }
    let factor = settings.factor ?? settings.maximumLength.map { Double($0) / original } ?? 1
    guard factor > 1 else { return 1 }
    return (1 + Real.log(factor) / Real.log(original)).squareRoot()
  }

  /// Returns the factors from which runtimes compute the frequencies `inverse`.
  ///
  /// Runtimes store factors and frequencies in float32 and compute 1 / (factor · base^(i/D)). Of the factors next to
  /// the exact quotient, the one whose result is nearest is returned.
  package static func factors(giving inverse: [Double], _ settings: RopeSettings) -> [Float] {
    zip(settings.unscaledFrequencies, inverse).map { unscaled, wanted in
      let wave = Float(1 / unscaled)
      let found = Float(unscaled / wanted)
      let target = Float(wanted)
      var best = found
      var (low, high) = (found, found)
      func distance(_ factor: Float) -> Float { abs(1 / (factor * wave) - target) }
      for _ in 0..<2 {
        (low, high) = (low.nextDown, high.nextUp)
        if distance(low) < distance(best) { best = low }
        if distance(high) < distance(best) { best = high }
      }
      return best
    }
  }
}
