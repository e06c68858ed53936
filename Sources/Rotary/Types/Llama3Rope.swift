import Base

/// Llama 3 scaling: frequencies of long waves are divided by the factor, short waves are kept, with a smooth
/// transition in between.
///
/// Source: Llama 3.1, in the form of transformers.
package enum Llama3Rope: RopeType {
  package static let name = "llama3"
  package static let summary = "long waves divided, short ones kept"
  package static let requiredKeys = [
    "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings",
  ]

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    RopeFrequencies(inverse: try scaled(settings.unscaledFrequencies, settings))
  }

  /// Returns the frequencies that the scaling makes of `unscaled`.
  package static func scaled(
    _ unscaled: [Double], _ settings: RopeSettings
  ) throws(RopeFault) -> [Double] {
    let factor = try settings.checkedFactor()
    let original = try settings.checkedOriginalLength()
    guard let low = settings.number("low_freq_factor"),
      let high = settings.number("high_freq_factor"), low > 0, high >= low
    else {
      throw RopeFault(
        "low_freq_factor and high_freq_factor must be numbers above 0, and the second must not be smaller"
      )
    }
    return unscaled.map { frequency in
      let wavelength = 2 * Double.pi / frequency
      if wavelength > original / low { return frequency / factor }
      // With equal factors, as in Llama 4, there is no transition.
      if wavelength < original / high || high == low { return frequency }
      let smooth = (original / wavelength - low) / (high - low)
      return (1 - smooth) * frequency / factor + smooth * frequency
    }
  }
}
