import Base
import Rotary
import TensorCore

/// The settings that result from applying a request to the settings of a model.
struct RopePlan {
  let settings: RopeSettings
  let maximumLength: Int
  let notes: [RopeNote]

  private static let lengthLimit = 1 << 40

  /// - Parameters:
  ///   - before: the settings of the layers to rescale.
  ///   - hasKinds: true if the model has several kinds of layers.
  /// - Throws: a fault that names the key or setting that is invalid.
  init(
    _ before: RopeSettings, _ request: RopeRequest, hasKinds: Bool, config: RotaryConfig
  ) throws(RopeFault) {
    guard let trained = before.originalLength, trained > 0 else {
      throw RopeFault(
        "config.json has no max_position_embeddings, the length that scaling starts from")
    }
    // The effect of an unknown type on the length of the model is unknown too.
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
    let factor = try Self.factor(request.target, trained: trained)
    if request.method == .dynamic { notes.append(.lengthStays(trained)) }
    var values = try Self.rescale(&settings, request, factor: factor, trained: trained)
    for (key, value) in request.parameters { values[key] = JSONValue(value) }
    settings.values = Self.kept(of: before, values)
    maximumLength =
      request.method == .dynamic ? trained : Int((Double(trained) * factor).rounded())
    settings.maximumLength = maximumLength
    self.settings = settings
    self.notes = notes
  }

  /// Returns the target as a multiple of the trained length.
  private static func factor(
    _ target: RopeRequest.Target, trained: Int
  ) throws(RopeFault) -> Double {
    let factor: Double
    switch target {
    case .factor(let given): factor = given
    case .context(let length): factor = Double(length) / Double(trained)
    case .time:
      throw RopeFault(
        "\(setting: "time") applies only to \(setting: "method") clex",
        hint: "pass \(setting: "factor") or \(setting: "context")")
    }
    guard factor >= 1, factor.isFinite, Double(trained) * factor < Double(lengthLimit) else {
      throw RopeFault(
        "the factor is \(factor), expected 1 or more, with a resulting length below 2^40",
        hint: "the model was trained with \(trained) positions")
    }
    return factor
  }

  /// Sets the type, and for NTK the base, of a method other than CLEX.
  /// - Parameter settings: the unscaled settings; their parameters are not set.
  /// - Returns: the parameters of the type, in the order in which they are written.
  private static func rescale(
    _ settings: inout RopeSettings, _ request: RopeRequest, factor: Double, trained: Int
  ) throws(RopeFault) -> JSONObject {
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
      let dim = Double(settings.rotaryDim)
      guard dim > 2 else { throw RopeFault("ntk needs more than 2 rotated dimensions") }
      settings.theta *= Power.of(factor, dim / (dim - 2))
    case .dynamic:
      type(DynamicRope.name)
      values["factor"] = JSONValue(factor)
    case .yarn:
      type(YarnRope.name)
      values["factor"] = JSONValue(factor)
      values["original_max_position_embeddings"] = JSONValue(trained)
    case .longrope:
      type(LongRope.name)
      guard let long = request.longFactors else {
        throw RopeFault(
          "\(setting: "method") longrope needs a factor for each pair",
          hint: "pass a file with them as \(setting: "factors")")
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
    return values
  }

  /// Returns the new parameters with the old ones that stay.
  private static func kept(of before: RopeSettings, _ values: JSONObject) -> JSONObject {
    var values = values
    if let share = before.values["partial_rotary_factor"] {
      values["partial_rotary_factor"] = share
    }
    return values
  }

  // MARK: CLEX

  /// Returns the CLEX frequencies for one length in the form of LongRoPE: a factor for each pair of dimensions.
  private static func frozen(
    _ before: RopeSettings, _ request: RopeRequest, trained: Int, hasKinds: Bool,
    _ config: RotaryConfig
  ) throws(RopeFault) -> (settings: RopeSettings, maximumLength: Int, notes: [RopeNote]) {
    guard !hasKinds else {
      throw RopeFault(
        "the model has several kinds of layers with different rotary parameters; CLEX supports one")
    }
    let time = try time(request.target, trained: trained)
    var source = before
    var notes: [RopeNote] = []
    let layer = before.clex ?? CLEXLayer(untrained: before)
    if !layer.isTrained {
      notes.append(.untrainedCLEX(time: time))
      source.values = ["max_factor": JSONValue(time)]
      source.typeName = CLEXRope.name
    } else if before.typeName != CLEXRope.name {
      throw RopeFault(
        "the model has CLEX tensors, but the type in rope_scaling is not clex",
        hint:
          "set type, max_factor, param_factor, act and time_dt in config.json to their values in training"
      )
    }
    let found = try CLEXRope.frequencies(layer, source, time: time, isExact: request.isExact)
    // Runtimes compute the unscaled frequencies themselves and ignore rounded ones of the checkpoint.
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

  /// Returns the target of CLEX as a whole multiple of the trained length, rounded up.
  private static func time(
    _ target: RopeRequest.Target, trained: Int
  ) throws(RopeFault) -> Int {
    let time: Int
    switch target {
    case .time(let given): time = given
    case .context(let length): time = max(1, (max(0, length) + trained - 1) / trained)
    case .factor(let factor):
      guard factor >= 1, factor <= Double(1 << 16) else {
        throw RopeFault("the factor is \(factor), expected a number from 1 to 65536")
      }
      time = Int(factor.rounded(.up))
    }
    guard time >= 1 else { throw RopeFault("\(setting: "time") is \(time), expected 1 or more") }
    return time
  }
}
