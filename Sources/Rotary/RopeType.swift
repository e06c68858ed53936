import Base
import TensorCore

/// A way to make rotary frequencies, as transformers knows them.
package protocol RopeType: Sendable {
  /// As `rope_type` names it.
  static var name: String { get }
  /// Other names for it.
  static var aliases: [String] { get }
  /// In half a sentence, for lists.
  static var summary: String { get }
  /// Parameters that have to be there.
  static var requiredKeys: [String] { get }
  /// - Parameter length: positions that are in use; nil for what the model begins with.
  /// - Throws: what is wrong with the settings.
  static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies
}

extension RopeType {
  package static var aliases: [String] { [] }
}

package enum RopeTypes {
  package static let all: [any RopeType.Type] = [
    DefaultRope.self, LinearRope.self, DynamicRope.self, YarnRope.self, LongRope.self,
    Llama3Rope.self, ProportionalRope.self, CLEXRope.self,
  ]

  package static subscript(name: String) -> (any RopeType.Type)? {
    all.first { $0.name == name || $0.aliases.contains(name) }
  }
}

extension RopeSettings {
  /// The frequencies that a length uses.
  /// - Throws: what is wrong with the settings, naming the key.
  package func frequencies(length: Int? = nil) throws(RopeFault) -> RopeFrequencies {
    let type = try type()
    try check()
    for key in type.requiredKeys where values[key] == nil {
      throw RopeFault("rope type '\(type.name)' needs '\(key)'", hint: "set it in config.json")
    }
    let result = try type.frequencies(self, length: length)
    guard result.inverse.allSatisfy({ $0.isFinite && $0 >= 0 }), result.attentionFactor.isFinite
    else { throw RopeFault("rope type '\(type.name)' gives frequencies that are not finite") }
    return result
  }

  /// - Throws: an error that names `rope_type`, if that is none that is known.
  package func type() throws(RopeFault) -> any RopeType.Type {
    if let type = RopeTypes[typeName] { return type }
    let names = RopeTypes.all.map { $0.name }
    throw RopeFault(
      "rope_type '\(typeName.printable)' is none that is known",
      hint: Nearest.name(typeName, of: names).map { "did you mean '\($0)'?" }
        ?? "the types are \(names.joined(separator: ", "))")
  }

  /// What all types ask for.
  private func check() throws(RopeFault) {
    guard headDim > 0, headDim < 1 << 20 else {
      throw RopeFault("head_dim is \(headDim), expected a size above 0")
    }
    guard partialFactor > 0, partialFactor <= 1 else {
      throw RopeFault(
        "partial_rotary_factor is \(partialFactor), expected a share above 0 and at most 1")
    }
    guard rotaryDim > 0, rotaryDim % 2 == 0 else {
      throw RopeFault(
        "\(rotaryDim) dimensions of a head would be rotated (head_dim \(headDim), "
          + "partial_rotary_factor \(partialFactor)), expected an even number")
    }
    guard theta > 1, theta.isFinite else {
      throw RopeFault("rope_theta is \(theta), expected a number above 1")
    }
    if let maximumLength, maximumLength <= 0 {
      throw RopeFault("max_position_embeddings is \(maximumLength), expected a length above 0")
    }
  }

  /// `factor`, which is to be 1 or more.
  func checkedFactor() throws(RopeFault) -> Double {
    guard let factor else { throw RopeFault("rope type '\(typeName)' needs 'factor'") }
    guard factor >= 1, factor.isFinite else {
      throw RopeFault("factor is \(factor), expected 1 or more")
    }
    return factor
  }

  /// The original length, which a type needs.
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

  /// `attention_factor` if it is given.
  func givenAttentionFactor() throws(RopeFault) -> Double? {
    guard let value = values["attention_factor"], value != .null else { return nil }
    guard let number = value.asDouble, number > 0, number.isFinite else {
      throw RopeFault("attention_factor is no number above 0")
    }
    return number
  }
}
