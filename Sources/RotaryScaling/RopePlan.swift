import Base
import Rotary
import TensorCore

/// The settings that a request makes of others.
struct RopePlan {
  let settings: RopeSettings
  let maximumLength: Int
  let notes: [RopeNote]

  private static let lengthLimit = 1 << 40

  /// - Throws: what is wrong with the request, naming the key or option.
  init(
    _ before: RopeSettings, _ request: RopeRequest, hasKinds: Bool, config: RotaryConfig
  ) throws(RopeFault) {
    guard let trained = before.originalLength, trained > 0 else {
      throw RopeFault(
        "config.json has no max_position_embeddings, which is the length to start from")
    }
    // What a type that is not known did to the model's length is not known either.
    _ = try before.type()
    let known = RopeRequest.parameterKeys(of: request.method)
    for (key, _) in request.parameters where !known.contains(key) {
      throw RopeFault(
        "\(setting: key.replacing("_", with: "-")) has no meaning for \(setting: "method") \(request.method.rawValue)"
      )
    }
    var notes: [RopeNote] = []
    if before.typeName != DefaultRope.name, before.typeName != CLEXRope.name {
      notes.append(
        .rescaledBefore(
          typeName: before.typeName, trained: trained,
          isAssumed: before.values["original_max_position_embeddings"] == nil))
    }
    var settings = before.unscaled
    settings.maximumLength = trained
    if request.method == .clex {
      let frozen = try Self.frozen(before, request, trained: trained, hasKinds: hasKinds, config)
      (self.settings, maximumLength) = (frozen.settings, frozen.maximumLength)
      self.notes = notes + frozen.notes
      return
    }
    if before.clex?.isTrained == true {
      notes.append(.tunedWithCLEX)
    }
    let factor: Double
    switch request.target {
    case .factor(let given): factor = given
    case .context(let length): factor = Double(length) / Double(trained)
    case .time:
      throw RopeFault(
        "\(setting: "time") is for \(setting: "method") clex",
        hint: "pass \(setting: "factor") or \(setting: "context")")
    }
    guard factor >= 1, factor.isFinite, Double(trained) * factor < Double(Self.lengthLimit) else {
      throw RopeFault(
        "a factor of \(factor) is asked for, expected 1 or more, and a length up to 2^40",
        hint: "the model was trained with \(trained) positions")
    }
    let longest = Int((Double(trained) * factor).rounded())
    var values: JSONObject = [:]
    func type(_ name: String) {
      settings.typeName = name
      values["rope_type"] = .string(name)
    }
    switch request.method {
    case .pi:
      type(LinearRope.name)
      values["factor"] = JSONValue(factor)
    case .ntk:
      type(DefaultRope.name)
      let dim = Double(before.rotaryDim)
      guard dim > 2 else { throw RopeFault("ntk needs more than 2 rotated dimensions") }
      settings.theta = before.theta * Power.of(factor, dim / (dim - 2))
    case .dynamic:
      type(DynamicRope.name)
      values["factor"] = JSONValue(factor)
      notes.append(.lengthStays(trained))
    case .yarn:
      type(YarnRope.name)
      values["factor"] = JSONValue(factor)
      values["original_max_position_embeddings"] = JSONValue(trained)
    case .longrope:
      type(LongRope.name)
      guard let long = request.longFactors else {
        throw RopeFault(
          "\(setting: "method") longrope needs its factors",
          hint: "give a file of them with \(setting: "factors")")
      }
      let short = request.shortFactors ?? long.map { _ in 1 }
      values["factor"] = JSONValue(factor)
      values["long_factor"] = .array(long.map { JSONValue($0) })
      values["short_factor"] = .array(short.map { JSONValue($0) })
      values["original_max_position_embeddings"] = JSONValue(trained)
    case .llama3:
      type(Llama3Rope.name)
      values["factor"] = JSONValue(factor)
      values["low_freq_factor"] = 1.0
      values["high_freq_factor"] = 4.0
      values["original_max_position_embeddings"] = JSONValue(trained)
    case .clex: break
    }
    for (key, value) in request.parameters { values[key] = JSONValue(value) }
    settings.values = Self.kept(of: before, values)
    maximumLength = request.method == .dynamic ? trained : longest
    settings.maximumLength = maximumLength
    self.settings = settings
    self.notes = notes
  }

  /// New parameters with what the model keeps beside them.
  private static func kept(of before: RopeSettings, _ values: JSONObject) -> JSONObject {
    var values = values
    if let share = before.values["partial_rotary_factor"] {
      values["partial_rotary_factor"] = share
    }
    return values
  }

  // MARK: CLEX

  /// The trained dynamics at one length, as a factor for each dimension.
  private static func frozen(
    _ before: RopeSettings, _ request: RopeRequest, trained: Int, hasKinds: Bool,
    _ config: RotaryConfig
  ) throws(RopeFault) -> (settings: RopeSettings, maximumLength: Int, notes: [RopeNote]) {
    guard !hasKinds else {
      throw RopeFault(
        "the model has several kinds of layers with rotary parameters of their own; CLEX has one")
    }
    let time: Int
    switch request.target {
    case .time(let given): time = given
    case .context(let length): time = max(1, (max(0, length) + trained - 1) / trained)
    case .factor(let factor):
      guard factor >= 1, factor <= Double(1 << 16) else {
        throw RopeFault("a factor of \(factor) is asked for, expected 1 or more")
      }
      time = Int(factor.rounded(.up))
    }
    guard time >= 1 else { throw RopeFault("\(setting: "time") is \(time), expected 1 or more") }
    var source = before
    var notes: [RopeNote] = []
    let layer = before.clex ?? CLEXLayer(untrained: before)
    if !layer.isTrained {
      notes.append(.untrainedCLEX(time: time))
      source.values = ["max_factor": JSONValue(time)]
      source.typeName = CLEXRope.name
    } else if before.typeName != CLEXRope.name {
      throw RopeFault(
        "the model has tensors of CLEX, but rope_scaling does not name type clex",
        hint: "set type, max_factor, param_factor, act and time_dt in config.json as it was trained"
      )
    }
    let found = try CLEXRope.frequencies(layer, source, time: time, isExact: request.isExact)
    // Runtimes compute the base's frequencies themselves, whatever the checkpoint has rounded.
    let factors = LongRope.factors(giving: found.inverse, before).map { JSONValue($0) }
    var attention = 1.0
    if config.object["log_scale"]?.asBool == true {
      if request.approximatesLogScale {
        attention = (Power.log(Double(trained * time)) / Power.log(Double(trained))).squareRoot()
        notes.append(.logScaleApproximated(length: trained * time))
      } else {
        notes.append(.logScaleLeftOut)
      }
    }
    notes.append(.frozen(time: time, trained: trained, isShortExact: request.isShortExact))
    let one = JSONValue(1.0)
    var settings = before.unscaled
    settings.typeName = LongRope.name
    settings.maximumLength = trained * time
    settings.values = kept(
      of: before,
      [
        "rope_type": .string(LongRope.name), "long_factor": .array(factors),
        "short_factor": request.isShortExact ? .array(factors.map { _ in one }) : .array(factors),
        "factor": JSONValue(Double(time)), "attention_factor": JSONValue(attention),
        "original_max_position_embeddings": JSONValue(trained),
      ])
    return (settings, trained * time, notes)
  }
}
