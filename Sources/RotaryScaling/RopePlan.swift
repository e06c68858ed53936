import Base
import Models
import Rotary
import TensorCore

/// The settings that result from applying a request to the settings of a model.
struct RopePlan {
  let settings: RopeSettings
  let maximumLength: Int
  private(set) var notes: [RopeNote]

  /// - Parameter before: the settings of the layers to rescale.
  /// - Throws: a fault that names the key or setting that is invalid.
  init(
    _ before: RopeSettings, _ request: RopeRequest, config: RotaryConfig
  ) throws(RopeFault) {
    // The effect of an unknown type on the length of the model is unknown too.
    _ = try before.type()
    try Self.check(request, config)
    guard before.originalLength != nil else {
      throw RopeFault(
        "config.json has no max_position_embeddings, the length that scaling starts from")
    }
    guard let current = before.currentLength, (1...RopeSettings.lengthLimit).contains(current)
    else { throw RopeFault("the model is already scaled to more than 2^40 positions") }
    var notes: [RopeNote] = config.isBaseAssumed ? [.baseAssumed(before.theta)] : []
    if request.method == .clex {
      let frozen = try Self.frozen(before, request, config)
      (self.settings, maximumLength) = (frozen.settings, frozen.maximumLength)
      self.notes = notes + frozen.notes
      return
    }
    if before.clex?.isTrained == true { notes.append(.tunedWithCLEX) }
    let factor = try Self.factor(request.target, current: current)
    let result = try RopeComposition(
      before: before, request: request, factor: factor, current: current
    ).result()
    if request.method == .dynamic { notes.append(.lengthStays(current)) }
    if case .some(let rotated, let total)? = before.layers {
      notes.append(.layersWithoutRotation(rotated: rotated, total: total))
    }
    self.notes = notes + result.notes
    maximumLength =
      request.method == .dynamic
      ? current : Int((Double(current) * factor).rounded())  // fits: `factor(_:current:)` limits it
    var settings = result.settings
    settings.maximumLength = maximumLength
    self.settings = settings
    if let note = try Self.noteOnAttention(settings, before) { self.notes.append(note) }
  }

  /// Returns a note if the scaling gives a part of each head an attention factor, and no factor for all scores.
  private static func noteOnAttention(
    _ settings: RopeSettings, _ before: RopeSettings
  ) throws(RopeFault) -> RopeNote? {
    guard settings.plainDim > 0, YarnRope.scoreFactor(settings) == nil,
      try settings.frequencies(length: settings.maximumLength).attentionFactor
        != before.frequencies().attentionFactor
    else { return nil }
    return .attentionOfPart(
      rotated: settings.rotaryDim, total: settings.headDim + settings.plainDim)
  }

  /// Checks that the method accepts the parameters, and that the model can have other frequencies in the layers
  /// that see the whole context.
  private static func check(
    _ request: RopeRequest, _ config: RotaryConfig
  ) throws(RopeFault) {
    let known = RopeRequest.parameterKeys(of: request.method)
    for (key, value) in request.parameters {
      let name = key.replacing("_", with: "-")
      guard known.contains(key) else {
        throw RopeFault(
          "\(setting: name) has no meaning for \(setting: "method") \(request.method.rawValue)")
      }
      guard value.isFinite else {
        throw RopeFault("\(setting: name) is \(value), expected a finite number")
      }
    }
    switch config.windows {
    case nil, .base, .unscaled: break
    case .rotateAlone:
      throw RopeFault(
        "only the layers with a window rotate in this architecture; the layers that see the whole context do not",
        hint: "such a model needs no rescaling for a longer context")
    case .scaledBase:
      guard config.dialect == .parameters || request.method == .ntk else {
        throw RopeFault(
          "rope_scaling applies to the layers with a window as well in this architecture",
          hint: "use \(setting: "method") ntk, which changes only the base of the other layers")
      }
    }
  }

  /// Returns the target as a multiple of the current length.
  private static func factor(
    _ target: RopeRequest.Target, current: Int
  ) throws(RopeFault) -> Double {
    let factor: Double
    switch target {
    case .factor(let given): factor = given
    case .context(let length): factor = Double(length) / Double(current)
    case .time:
      throw RopeFault(
        "\(setting: "time") applies only to \(setting: "method") clex",
        hint: "pass \(setting: "factor") or \(setting: "context")")
    }
    guard factor >= 1, factor.isFinite,
      Double(current) * factor < Double(RopeSettings.lengthLimit)
    else {
      throw RopeFault(
        "the factor is \(factor), expected 1 or more, with a resulting length below 2^40",
        hint: "the model is made for \(current) positions")
    }
    return factor
  }
}
