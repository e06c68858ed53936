package import Base
package import Models
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
  /// The number of dimensions of a head beside `headDim`, which never rotate; 0 unless heads have two parts.
  package var plainDim = 0
  /// The layers that rotate; nil if all of them do.
  package var layers: RotatedLayers?

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
  /// It is 0 for settings that ``check()`` refuses.
  package var rotaryDim: Int {
    Int(exactly: (partialFactor * Double(headDim)).rounded(.down)) ?? 0
  }

  /// The value of `original_max_position_embeddings`, which may be written as `4096` or as `4096.0`.
  package var writtenOriginalLength: Int? {
    number(RotaryConfig.originalLengthKey).flatMap { Int(exactly: $0) }
  }

  /// The length that the model was trained with before it was rescaled.
  package var originalLength: Int? { writtenOriginalLength ?? maximumLength }

  /// The length that the settings are made for: the larger of `max_position_embeddings` and `factor` times the
  /// original length. Nil if it is unknown or over the limit.
  package var currentLength: Int? {
    guard let maximumLength else { return writtenOriginalLength }
    guard let original = writtenOriginalLength, let factor = number("factor") else {
      return maximumLength
    }
    let scaled = (factor * Double(original)).rounded()
    return Int(exactly: scaled).map { max(maximumLength, $0) }
  }

  /// True if the frequencies up to the current length are not those of the default type.
  package var isScaled: Bool {
    guard let type = RopeTypes[typeName] else { return false }
    return type.name == DynamicRope.name ? DynamicRope.alpha(self) != nil : type.isScaling
  }

  /// Returns the parameter with this key if it is a number.
  package func number(_ key: String) -> Double? { values[key]?.asDouble }

  /// The value of `factor`; without one, the quotient of `max_position_embeddings` and the original length.
  package var factor: Double? {
    if let factor = number("factor") { return factor }
    guard let maximumLength, let original = writtenOriginalLength, original > 0
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
  /// True if the model has no rotary embedding at all.
  package private(set) var isAbsence = false

  package init(_ message: Message, hint: Message? = nil) {
    self.message = message
    self.hint = hint
  }

  /// Returns the fault that reports a model without rotary embeddings.
  static func noRotation(
    _ modelType: String, _ reason: String = "which has no rotary embeddings"
  ) -> RopeFault {
    var fault = RopeFault(
      "is a model of type '\(modelType.printable)', \(reason)",
      hint:
        "only rotary frequencies can be shown and rescaled; learned positions end at the trained length"
    )
    fault.isAbsence = true
    return fault
  }

  package var description: String { message.description }
}
