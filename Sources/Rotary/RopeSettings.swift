package import Base
import TensorCore

/// The settings of the rotary position embedding of a model, or of one kind of its layers.
package struct RopeSettings: Sendable, Equatable {
  /// The name of the rope type in transformers, such as `yarn`.
  package var typeName: String
  /// The base of the frequencies: `rope_theta`.
  package var theta: Double
  /// The number of dimensions of an attention head.
  package var headDim: Int
  /// The share of a head that is rotated.
  package var partialFactor: Double
  /// The value of `max_position_embeddings`.
  package var maximumLength: Int?
  /// The parameters of the type, as written in the configuration.
  package var values: JSONObject
  /// The trained CLEX layer, if the model has one.
  package var clex: CLEXLayer?

  package init(
    typeName: String = "default", theta: Double = 10_000, headDim: Int,
    partialFactor: Double = 1, maximumLength: Int?, values: JSONObject = JSONObject(),
    clex: CLEXLayer? = nil
  ) {
    self.typeName = typeName
    self.theta = theta
    self.headDim = headDim
    self.partialFactor = partialFactor
    self.maximumLength = maximumLength
    self.values = values
    self.clex = clex
  }

  /// The number of dimensions of a head that are rotated, two for each frequency.
  package var rotaryDim: Int { Int(partialFactor * Double(headDim)) }

  /// The length that the model was trained with before it was rescaled.
  package var originalLength: Int? {
    values["original_max_position_embeddings"]?.asInt ?? maximumLength
  }

  /// Returns the parameter with this key if it is a number.
  package func number(_ key: String) -> Double? { values[key]?.asDouble }

  /// The value of `factor`; without one, the quotient of `max_position_embeddings` and the original length.
  package var factor: Double? {
    if let factor = number("factor") { return factor }
    guard let maximumLength, let original = values["original_max_position_embeddings"]?.asInt,
      original > 0
    else { return nil }
    return Double(maximumLength) / Double(original)
  }

  /// The unscaled frequencies base^(−i/D) for i = 0, 2, …, from which every type starts.
  package var unscaledFrequencies: [Double] {
    Self.frequencies(base: theta, dim: rotaryDim)
  }

  /// Returns base^(−i/dim) for i = 0, 2, …, below `dim`.
  static func frequencies(base: Double, dim: Int) -> [Double] {
    (0..<dim / 2).map { 1 / Real.pow(base, Double(2 * $0) / Double(dim)) }
  }

  /// The settings without rescaling.
  package var unscaled: RopeSettings {
    var result = self
    result.typeName = DefaultRope.name
    result.values = JSONObject()
    result.maximumLength = originalLength
    result.clex = nil
    return result
  }
}

/// The frequencies for a length, in radians per position.
package struct RopeFrequencies: Sendable, Equatable {
  /// The frequency of each pair of rotated dimensions.
  package var inverse: [Double]
  /// The factor for cosines and sines; attention scores are multiplied by its square.
  package var attentionFactor: Double
  /// For CLEX, the multiple of the trained length that the frequencies are for.
  package var time: Int?

  package init(inverse: [Double], attentionFactor: Double = 1, time: Int? = nil) {
    self.inverse = inverse
    self.attentionFactor = attentionFactor
    self.time = time
  }
}

/// An error in rotary settings. The message names the key.
package struct RopeFault: Error, Equatable, CustomStringConvertible {
  package var message: Message
  package var hint: Message?

  package init(_ message: Message, hint: Message? = nil) {
    self.message = message
    self.hint = hint
  }

  package var description: String { message.description }
}
