import Base
import TensorCore

/// YaRN: low frequencies are divided by the factor, high ones are kept, with a linear ramp in between; attention
/// scores are scaled.
///
/// Source: Peng et al., "YaRN", ICLR 2024, in the form of transformers.
package enum YarnRope: RopeType {
  package static let name = "yarn"
  package static let summary = "slow dimensions divided, fast ones kept, scores scaled"
  package static let requiredKeys: [String] = []
  package static let parameterKeys = [
    "factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
    "mscale", "mscale_all_dim", "truncate",
  ]

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    let unscaled = settings.unscaledFrequencies
    return try scaled(unscaled, at: unscaled.indices.map(Double.init), settings)
  }

  /// Returns the frequencies that YaRN makes of frequencies that are scaled already.
  ///
  /// The ramp depends on the rotations within the length, so each frequency counts as the pair that would have it
  /// without scaling.
  package static func scaled(
    _ inverse: [Double], _ settings: RopeSettings
  ) throws(RopeFault) -> RopeFrequencies {
    let perPair = 2 * Real.log(settings.theta) / Double(settings.rotaryDim)
    return try scaled(inverse, at: inverse.map { -Real.log($0) / perPair }, settings)
  }

  /// - Parameter positions: for each frequency, the pair on the ramp that it belongs to.
  private static func scaled(
    _ unscaled: [Double], at positions: [Double], _ settings: RopeSettings
  ) throws(RopeFault) -> RopeFrequencies {
    let factor = try settings.checkedFactor()
    let original = try settings.checkedOriginalLength()
    let dim = Double(settings.rotaryDim)
    let base = settings.theta
    func dimension(ofRotations rotations: Double) -> Double {
      dim * Real.log(original / (rotations * 2 * .pi)) / (2 * Real.log(base))
    }
    // As in transformers, 0 means the default.
    func turns(_ key: String, _ standard: Double) -> Double {
      settings.number(key).flatMap { $0 == 0 ? nil : $0 } ?? standard
    }
    let (fast, slow) = (turns("beta_fast", 32), turns("beta_slow", 1))
    guard fast > 0, slow > 0 else {
      throw RopeFault("beta_fast and beta_slow are \(fast) and \(slow), expected numbers above 0")
    }
    var low = dimension(ofRotations: fast)
    var high = dimension(ofRotations: slow)
    if settings.values["truncate"]?.asBool != false {
      low.round(.down)
      high.round(.up)
    }
    low = max(low, 0)
    high = min(high, dim - 1)
    if low == high { high += 0.001 }
    let inverse = zip(unscaled, positions).map { frequency, pair in
      let ramp = min(1, max(0, (pair - low) / (high - low)))
      return frequency / factor * ramp + frequency * (1 - ramp)
    }
    return RopeFrequencies(
      inverse: inverse, attentionFactor: try attentionFactor(settings, factor: factor))
  }

  /// The factor for all attention scores besides that of cosines and sines; nil if there is none.
  ///
  /// Models with latent attention scale the scores of both parts of a head by `mscale_all_dim`.
  /// Source: the attention of DeepSeek-V2 and V3.
  package static func scoreFactor(_ settings: RopeSettings) -> Double? {
    guard settings.plainDim > 0, RopeTypes[settings.typeName]?.name == name,
      let factor = settings.factor, let all = settings.number("mscale_all_dim"), all != 0
    else { return nil }
    let root = scale(all, factor: factor)
    return root * root
  }

  private static func scale(_ multiplier: Double, factor: Double) -> Double {
    factor <= 1 ? 1 : 0.1 * multiplier * Real.log(factor) + 1
  }

  private static func attentionFactor(
    _ settings: RopeSettings, factor: Double
  ) throws(RopeFault) -> Double {
    if let given = try settings.givenAttentionFactor() { return given }
    func scale(_ multiplier: Double) -> Double { Self.scale(multiplier, factor: factor) }
    if let scaled = settings.number("mscale"), let all = settings.number("mscale_all_dim"),
      scaled != 0, all != 0
    {
      return scale(scaled) / scale(all)
    }
    return scale(1)
  }
}
