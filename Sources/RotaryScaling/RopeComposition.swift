import Base
import Rotary
import TensorCore

/// A scaling on top of the frequencies that a model has.
///
/// A model that is scaled already was trained with those frequencies, or tuned for them. Therefore both scalings
/// apply. Where the result has a form of its own, such as a larger factor of the same type, it is written in that
/// form, and otherwise as LongRoPE, which has a factor for each pair of dimensions.
struct RopeComposition {
  /// The settings of the layers to rescale.
  let before: RopeSettings
  let request: RopeRequest
  /// The target as a multiple of the current length.
  let factor: Double
  /// The length that the settings in `before` are made for.
  let current: Int

  typealias Result = (settings: RopeSettings, notes: [RopeNote])

  /// - Throws: a fault that names the key or setting that is invalid.
  func result() throws(RopeFault) -> Result {
    guard before.isScaled, request.method != .longrope else { return try replacing() }
    let old = try before.type().name
    guard let (result, notes) = try inTheSameForm(old) else {
      guard old != ProportionalRope.name else {
        throw RopeFault(
          "\(setting: "method") \(request.method.rawValue) cannot extend the type 'proportional'",
          hint: "use \(setting: "method") pi")
      }
      return try asLongRope(old)
    }
    return (result, [.composed(typeName: old, length: current)] + notes)
  }

  // MARK: The same form

  /// Returns the settings if the type of the model can express both scalings; nil if it cannot.
  private func inTheSameForm(_ old: String) throws(RopeFault) -> Result? {
    var settings = before
    var notes: [RopeNote] = []
    switch (request.method, old) {
    case (.ntk, LinearRope.name):
      settings.theta = try scaledBase()
    case (.pi, LinearRope.name), (.pi, ProportionalRope.name), (.llama3, Llama3Rope.name):
      settings.values["factor"] = JSONValue((before.factor ?? 1) * factor)
    case (.yarn, YarnRope.name):
      settings.values["factor"] = JSONValue((before.factor ?? 1) * factor)
      settings.values[Self.originalLengthKey] = JSONValue(before.originalLength ?? current)
      if let kept = before.number("attention_factor"),
        !request.parameters.contains(where: { $0.key == "attention_factor" })
      {
        notes.append(.attentionStays(kept))
      }
    default: return nil
    }
    for (key, value) in request.parameters { settings.values[key] = JSONValue(value) }
    return (settings, notes)
  }

  private static let originalLengthKey = "original_max_position_embeddings"

  /// Returns the base of NTK-aware scaling.
  private func scaledBase() throws(RopeFault) -> Double {
    let dim = Double(before.rotaryDim)
    guard dim > 2 else { throw RopeFault("ntk needs more than 2 rotated dimensions") }
    return before.theta * Power.of(factor, dim / (dim - 2))
  }

  // MARK: A factor for each pair

  /// Returns both scalings as factors of LongRoPE.
  private func asLongRope(_ old: String) throws(RopeFault) -> Result {
    guard request.method != .dynamic else {
      throw RopeFault(
        "\(setting: "method") dynamic starts from unscaled frequencies, but the model is scaled by '\(old)'",
        hint: "use \(setting: "method") yarn or ntk, which extend other scalings")
    }
    let original = before.originalLength ?? current
    let short = try before.frequencies()
    let long = try before.frequencies(length: original + 1)
    let (newShort, newLong) = (try scaled(short.inverse), try scaled(long.inverse))
    var settings = before.unscaled
    settings.typeName = old == LongRope.name ? before.typeName : LongRope.name
    func factors(_ inverse: [Double]) -> JSONValue {
      .array(LongRope.factors(giving: inverse, before).map { JSONValue($0) })
    }
    var values: JSONObject = [
      "factor": JSONValue(Double(current) * factor / Double(original)),
      "long_factor": factors(newLong.inverse), "short_factor": factors(newShort.inverse),
      Self.originalLengthKey: JSONValue(original),
    ]
    if before.values["long_mscale"] != nil, before.values["short_mscale"] != nil {
      values["long_mscale"] = JSONValue(long.attentionFactor * newLong.attentionFactor)
      values["short_mscale"] = JSONValue(short.attentionFactor * newShort.attentionFactor)
    } else {
      values["attention_factor"] = JSONValue(long.attentionFactor * newLong.attentionFactor)
    }
    var notes: [RopeNote] = [.composed(typeName: old, length: current)]
    if old == LongRope.name {
      settings.values = before.values
      for (key, value) in values { settings.values[key] = value }
    } else {
      let kept = Self.keepingUnknown(of: before, values)
      settings.values = kept.values
      notes.append(.writtenAsLongRope(method: request.method.rawValue, typeName: old))
      if !kept.dropped.isEmpty { notes.append(.dropped(keys: kept.dropped)) }
    }
    return (settings, notes)
  }

  /// Returns what the method makes of frequencies that are scaled already.
  private func scaled(_ inverse: [Double]) throws(RopeFault) -> RopeFrequencies {
    var settings = before.unscaled
    settings.maximumLength = current
    settings.values = try parameters()
    switch request.method {
    case .pi: return RopeFrequencies(inverse: inverse.map { $0 / factor })
    case .ntk:
      let growth = try scaledBase() / before.theta
      let dim = Double(before.rotaryDim)
      return RopeFrequencies(
        inverse: inverse.enumerated().map { $1 * Power.of(growth, -Double(2 * $0) / dim) })
    case .yarn: return try YarnRope.scaled(inverse, settings)
    case .llama3: return RopeFrequencies(inverse: try Llama3Rope.scaled(inverse, settings))
    case .dynamic, .longrope, .clex: return RopeFrequencies(inverse: inverse)
    }
  }

  // MARK: A new form

  /// Returns the method's scaling of the unscaled frequencies.
  private func replacing() throws(RopeFault) -> Result {
    let old = try before.type().name
    var settings = before.unscaled
    settings.maximumLength = current
    var notes: [RopeNote] = []
    if request.method == .ntk {
      settings.theta = try scaledBase()
      if old == DefaultRope.name {
        (settings.typeName, settings.values) = (before.typeName, before.values)
        return (settings, notes)
      }
    }
    if old != DefaultRope.name, old != CLEXRope.name { notes.append(.replaced(typeName: old)) }
    settings.typeName = typeName
    let kept = Self.keepingUnknown(of: before, try parameters())
    settings.values = kept.values
    if !kept.dropped.isEmpty { notes.append(.dropped(keys: kept.dropped)) }
    return (settings, notes)
  }

  /// The rope type of the method.
  private var typeName: String {
    switch request.method {
    case .pi: LinearRope.name
    case .ntk: DefaultRope.name
    case .dynamic: DynamicRope.name
    case .yarn: YarnRope.name
    case .longrope, .clex: LongRope.name
    case .llama3: Llama3Rope.name
    }
  }

  /// Returns the parameters of the type, in the order in which they are written.
  private func parameters() throws(RopeFault) -> JSONObject {
    var values: JSONObject = [:]
    switch request.method {
    case .ntk, .clex: break
    case .pi, .dynamic: values["factor"] = JSONValue(factor)
    case .yarn:
      values["factor"] = JSONValue(factor)
      values[Self.originalLengthKey] = JSONValue(current)
    case .longrope:
      guard let long = request.longFactors else {
        throw RopeFault(
          "\(setting: "method") longrope needs a factor for each pair",
          hint: "pass a file with them as \(setting: "factors")")
      }
      let short = request.shortFactors ?? long.map { _ in 1 }
      let original = before.originalLength ?? current
      values["factor"] = JSONValue(Double(current) * factor / Double(original))
      values["long_factor"] = .array(long.map { JSONValue($0) })
      values["short_factor"] = .array(short.map { JSONValue($0) })
      values[Self.originalLengthKey] = JSONValue(original)
    case .llama3:
      values["factor"] = JSONValue(factor)
      values["low_freq_factor"] = 1.0
      values["high_freq_factor"] = 4.0
      values[Self.originalLengthKey] = JSONValue(current)
    }
    for (key, value) in request.parameters { values[key] = JSONValue(value) }
    return values
  }

  /// Returns the new parameters and those old ones that belong to no rope type, and the keys of the others.
  static func keepingUnknown(
    of before: RopeSettings, _ values: JSONObject
  ) -> (values: JSONObject, dropped: [String]) {
    var values = values
    var dropped: [String] = []
    for (key, value) in before.values where !["rope_type", "type", "rope_theta"].contains(key) {
      guard values[key] == nil else { continue }
      if RopeTypes.all.contains(where: { $0.parameterKeys.contains(key) }) {
        dropped.append(key)
      } else {
        values[key] = value
      }
    }
    return (values, dropped)
  }
}
