import Base
import TensorCore

/// A rope type: a way to compute rotary frequencies, with the names and parameters of transformers.
package protocol RopeType: Sendable {
  /// The value of `rope_type` in configurations.
  static var name: String { get }
  /// Other values of `rope_type` with the same meaning.
  static var aliases: [String] { get }
  /// A short phrase for lists.
  static var summary: String { get }
  /// The keys of the parameters that the type needs.
  static var requiredKeys: [String] { get }
  /// The keys of all parameters that the type reads and that have no meaning without it.
  static var parameterKeys: [String] { get }
  /// True if the frequencies differ from those of the default type at every length.
  static var isScaling: Bool { get }
  /// Returns the frequencies for a length.
  /// - Parameter length: the number of positions in use; nil for the frequencies that a runtime starts with.
  /// - Throws: a fault that names the key of an invalid setting.
  static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies
}

extension RopeType {
  package static var aliases: [String] { [] }
  package static var parameterKeys: [String] { requiredKeys }
  package static var isScaling: Bool { true }

  /// The keys of the parameters that are numbers.
  static var numericKeys: [String] { parameterKeys.filter(RopeTypes.numericKeys.contains) }
}

/// The registry of rope types.
package enum RopeTypes {
  package static let all: [any RopeType.Type] = [
    DefaultRope.self, LinearRope.self, DynamicRope.self, YarnRope.self, LongRope.self,
    Llama3Rope.self, ProportionalRope.self, CLEXRope.self,
  ]

  /// The keys of all parameters that are numbers.
  static let numericKeys: Set = [
    "factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
    "short_mscale", "long_mscale", "low_freq_factor", "high_freq_factor", "alpha",
  ]

  /// The type with a name or alias; nil if there is none.
  package static subscript(name: String) -> (any RopeType.Type)? {
    all.first { $0.name == name || $0.aliases.contains(name) }
  }
}

extension RopeSettings {
  /// Returns the frequencies for a length.
  /// - Throws: a fault that names the key of an invalid setting.
  package func frequencies(length: Int? = nil) throws(RopeFault) -> RopeFrequencies {
    let type = try type()
    try check()
    for key in type.requiredKeys where values[key] == nil {
      throw RopeFault("rope type '\(type.name)' needs '\(key)'", hint: "set it in config.json")
    }
    let result = try type.frequencies(self, length: length)
    guard result.inverse.allSatisfy({ $0.isFinite && $0 >= 0 }), result.attentionFactor.isFinite
    else { throw RopeFault("rope type '\(type.name)' results in frequencies that are not finite") }
    return result
  }

  /// Returns the rope type that the settings name.
  /// - Throws: a fault that lists the known types if there is no such type.
  package func type() throws(RopeFault) -> any RopeType.Type {
    if let type = RopeTypes[typeName] { return type }
    let names = RopeTypes.all.map { $0.name }
    throw RopeFault(
      "unknown rope_type '\(typeName.printable)'",
      hint: Nearest.name(typeName, of: names).map { "did you mean '\($0)'?" }
        ?? "the types are \(names.joined(separator: ", "))")
  }

  /// The largest number of positions and the largest head that settings may have.
  package static let lengthLimit = 1 << 40
  package static let headDimLimit = 1 << 20

  /// Checks the settings that all types need.
  /// - Throws: a fault that names the key and the limit.
  package func check() throws(RopeFault) {
    guard headDim > 0, headDim < Self.headDimLimit else {
      throw RopeFault("head_dim is \(headDim), expected a size above 0 and below 2^20")
    }
    guard partialFactor > 0, partialFactor <= 1 else {
      throw RopeFault(
        "partial_rotary_factor is \(partialFactor), expected a number above 0 and up to 1")
    }
    guard rotaryDim > 0, rotaryDim % 2 == 0 else {
      throw RopeFault(
        "\(rotaryDim) dimensions of a head would be rotated (head_dim \(headDim), "
          + "partial_rotary_factor \(partialFactor)), expected an even number")
    }
    guard theta > 1, theta.isFinite else {
      throw RopeFault("rope_theta is \(theta), expected a number above 1")
    }
    if let maximumLength, !(1...Self.lengthLimit).contains(maximumLength) {
      throw RopeFault(
        "max_position_embeddings is \(maximumLength), expected a length above 0 and up to 2^40")
    }
    // A parameter that the type does not read has no effect, whatever its value is.
    for key in RopeTypes[typeName]?.numericKeys ?? [] {
      guard let value = values[key], value != .null else { continue }
      guard let number = value.asDouble, number.isFinite else {
        let shown = value.asString.map { "'\($0.printable)'" } ?? value.serialized().printable
        throw RopeFault("\(key) is \(shown), expected a finite number")
      }
    }
    let key = RotaryConfig.originalLengthKey
    if let original = values[key], original != .null {
      guard let length = writtenOriginalLength, (1...Self.lengthLimit).contains(length) else {
        throw RopeFault("\(key) is not a whole number above 0 and up to 2^40")
      }
    }
  }

  /// Returns `factor` after checking that it is 1 or more.
  func checkedFactor() throws(RopeFault) -> Double {
    guard let factor else { throw RopeFault("rope type '\(typeName)' needs 'factor'") }
    guard factor >= 1, factor.isFinite else {
      throw RopeFault("factor is \(factor), expected 1 or more")
    }
    return factor
  }

  /// Returns the original length after checking that it is present and above 0.
  func checkedOriginalLength() throws(RopeFault) -> Double {
    guard let length = originalLength else {
      throw RopeFault(
        "rope type '\(typeName)' needs 'original_max_position_embeddings' or "
          + "'max_position_embeddings'")
    }
    guard length > 0 else {
      throw RopeFault("original_max_position_embeddings is \(length), expected a length above 0")
    }
    return Double(length)
  }

  /// Returns `attention_factor`, or nil if it is absent.
  func givenAttentionFactor() throws(RopeFault) -> Double? {
    guard let value = values["attention_factor"], value != .null else { return nil }
    guard let number = value.asDouble, number > 0, number.isFinite else {
      throw RopeFault("attention_factor is not a finite number above 0")
    }
    return number
  }
}
