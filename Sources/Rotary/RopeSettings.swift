package import Base
import TensorCore

/// What a configuration says of the rotary position embedding of some of a model's layers.
package struct RopeSettings: Sendable, Equatable {
  /// As transformers names it, such as `yarn`.
  package var typeName: String
  /// The base of the frequencies: `rope_theta`.
  package var theta: Double
  /// Size of an attention head.
  package var headDim: Int
  /// The share of a head that is rotated.
  package var partialFactor: Double
  /// `max_position_embeddings`.
  package var maximumLength: Int?
  /// The parameters of the type, as they stand in the configuration.
  package var values: JSONObject
  /// The trained layer of CLEX, where the model has one.
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

  /// Dimensions of a head that are rotated, two for each frequency.
  package var rotaryDim: Int { Int(partialFactor * Double(headDim)) }

  /// The length that the model was trained with before it was rescaled.
  package var originalLength: Int? {
    values["original_max_position_embeddings"]?.asInt ?? maximumLength
  }

  /// A parameter that is a number.
  package func number(_ key: String) -> Double? { values[key]?.asDouble }

  /// `factor`, or what lengthening from the original length asks for.
  package var factor: Double? {
    if let factor = number("factor") { return factor }
    guard let maximumLength, let original = values["original_max_position_embeddings"]?.asInt,
      original > 0
    else { return nil }
    return Double(maximumLength) / Double(original)
  }

  /// base^(−i/D) for i = 0, 2, …: what every type starts from.
  package var standardFrequencies: [Double] {
    Self.frequencies(base: theta, dim: rotaryDim)
  }

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

/// The frequencies of a length, in radians a position.
package struct RopeFrequencies: Sendable, Equatable {
  /// One for each pair of rotated dimensions.
  package var inverse: [Double]
  /// What cosines and sines are multiplied by, so that scores get its square.
  package var attentionFactor: Double
  /// Of CLEX: how many times the trained length the frequencies are for.
  package var time: Int?

  package init(inverse: [Double], attentionFactor: Double = 1, time: Int? = nil) {
    self.inverse = inverse
    self.attentionFactor = attentionFactor
    self.time = time
  }
}

/// What is wrong with rotary settings: it names the key.
package struct RopeFault: Error, Equatable, CustomStringConvertible {
  package var message: Message
  package var hint: Message?

  package init(_ message: Message, hint: Message? = nil) {
    self.message = message
    self.hint = hint
  }

  package var description: String { message.description }
}
