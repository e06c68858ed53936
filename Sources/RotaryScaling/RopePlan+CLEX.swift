import Base
import Rotary
import TensorCore

extension RopePlan {
  /// Returns the CLEX frequencies for one length in the form of LongRoPE: a factor for each pair of dimensions.
  static func frozen(
    _ before: RopeSettings, _ request: RopeRequest, _ config: RotaryConfig
  ) throws(RopeFault) -> (settings: RopeSettings, maximumLength: Int, notes: [RopeNote]) {
    guard config.layers.count == 1 else {
      throw RopeFault(
        "the model has several kinds of layers with different rotary parameters; CLEX supports one")
    }
    guard !before.isScaled else {
      throw RopeFault(
        "the model is scaled by '\(before.typeName.printable)', which CLEX does not start from",
        hint: "use another \(setting: "method")")
    }
    guard let trained = before.originalLength else {
      throw RopeFault("config.json has no max_position_embeddings")
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
    settings.values =
      RopeComposition.keepingUnknown(
        of: before,
        [
          "long_factor": .array(factors),
          "short_factor": request.isShortExact ? .array(factors.map { _ in one }) : .array(factors),
          "factor": JSONValue(Double(time)), "attention_factor": JSONValue(attention),
          "original_max_position_embeddings": JSONValue(trained),
        ]
      ).values
    return (settings, trained * time, notes)
  }

  /// Returns the target of CLEX as a whole multiple of the trained length, rounded up.
  private static func time(
    _ target: RopeRequest.Target, trained: Int
  ) throws(RopeFault) -> Int {
    let time: Int
    switch target {
    case .time(let given): time = given
    case .context(let length):
      guard (1...RopeSettings.lengthLimit).contains(length) else {
        throw RopeFault("\(setting: "context") is \(length), expected from 1 to 2^40")
      }
      time = (length + trained - 1) / trained
    case .factor(let factor):
      guard factor >= 1, let whole = Int(exactly: factor.rounded(.up)) else {
        throw RopeFault("the factor is \(factor), expected a number from 1 to 65536")
      }
      time = whole
    }
    guard (1...1 << 16).contains(time) else {
      throw RopeFault("\(setting: "time") is \(time), expected from 1 to 65536")
    }
    return time
  }
}
