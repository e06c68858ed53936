import Base
import Checkpoints
import Models
package import Rotary

/// The start of a CLEX fit of a model: its frequencies, the parameters of the layer, and the new configuration.
package struct CLEXFitPlan: Sendable {
  /// The parameters that a fit may set; nil for those of a model that has a layer, or the defaults.
  package struct Request: Sendable, Equatable {
    package var maximumFactor: Int?
    package var parameterFactor: Double?
    package var activation: CLEXParameters.Activation?
    package var step: Double?

    package init() {}
  }

  package let parameters: CLEXParameters
  /// The number of positions that the model was trained with.
  package let trainedLength: Int
  /// The frequencies, and the projections of a model that has them.
  package let layer: CLEXLayer
  private let model: RopeModel
  private let before: RopeSettings

  /// The largest position of a window, up to which float32 holds whole numbers.
  private static let positionLimit = 1 << 24

  /// - Parameter window: The number of tokens of a window.
  /// - Throws: ``UsageError`` if the model cannot be fitted with these parameters.
  package init(_ model: RopeModel, _ request: Request, window: Int) throws {
    do throws(RopeFault) {
      try self.init(checked: model, request, window: window)
    } catch {
      throw UsageError("\(model.path.printable): \(error.message)", hint: error.hint)
    }
  }

  private init(checked model: RopeModel, _ request: Request, window: Int) throws(RopeFault) {
    guard model.layers.count == 1, model.config.layers.count == 1, model.config.windows == nil
    else {
      throw RopeFault(
        "the model has several kinds of layers with different rotary parameters; CLEX supports one")
    }
    let settings = model.layers[0].settings
    let isFitted = settings.typeName == CLEXRope.name && settings.clex?.isTrained == true
    guard isFitted || (!settings.isScaled && settings.clex == nil) else {
      throw RopeFault(
        "the model is scaled by '\(settings.typeName.printable)', which CLEX does not start from",
        hint: "fit the model as it was before it was scaled")
    }
    guard let length = settings.originalLength else {
      throw RopeFault(
        "config.json has no max_position_embeddings, the length that it was trained with")
    }
    let layer = isFitted ? settings.clex : CLEXLayer(untrained: settings)
    guard let layer, layer.inverse.count > 1 else {
      throw RopeFault("CLEX needs more than 2 rotated dimensions, found \(settings.rotaryDim)")
    }
    self.model = model
    self.layer = layer
    before = settings
    trainedLength = length
    parameters = try Self.parameters(request, isFitted ? settings : nil)
    try parameters.check(
      parameterCount: 2 * layer.inverse.count * max(1, layer.width),
      frequencyCount: layer.inverse.count)
    let limit = Self.positionLimit / parameters.maximumFactor
    guard window >= 2, window <= limit else {
      throw RopeFault(
        "windows have \(window) tokens, expected 2 to \(limit) for a largest factor of "
          + "\(parameters.maximumFactor)",
        hint: "positions reach \(setting: "window") times \(setting: "max-factor"), up to 2^24")
    }
  }

  private static func parameters(
    _ request: Request, _ fitted: RopeSettings?
  ) throws(RopeFault) -> CLEXParameters {
    if let fitted {
      let stored = try CLEXParameters(fitted)
      for (name, isOther) in [
        ("param-factor", request.parameterFactor.map { $0 != stored.parameterFactor }),
        ("act", request.activation.map { $0 != stored.activation }),
      ] where isOther == true {
        throw RopeFault(
          "\(setting: name) differs from that of the layer of the model",
          hint: "leave it out to continue the fit")
      }
      var result = stored
      if let factor = request.maximumFactor { result.maximumFactor = factor }
      if let step = request.step { result.step = step }
      return try checked(result)
    }
    guard let factor = request.maximumFactor else {
      throw RopeFault("no largest factor given", hint: "name one with \(setting: "max-factor")")
    }
    return try checked(
      CLEXParameters(
        maximumFactor: factor, parameterFactor: request.parameterFactor ?? 1,
        activation: request.activation ?? .tanh, step: request.step ?? 0.01))
  }

  /// Returns the parameters after the checks that a configuration passes too.
  private static func checked(_ parameters: CLEXParameters) throws(RopeFault) -> CLEXParameters {
    guard parameters.maximumFactor >= 2 else {
      throw RopeFault(
        "\(setting: "max-factor") is \(parameters.maximumFactor), expected 2 to "
          + "\(CLEXParameters.factorLimit)")
    }
    return try CLEXParameters(
      RopeSettings(headDim: 4, maximumLength: 1, values: parameters.values))
  }

  /// Returns the text of `config.json` with the rope type clex. Everything else stays as it is, byte for byte.
  package func configText() throws -> [UInt8] {
    var edit = JSONEdit(model.text)
    let config = model.config
    let usedKeys = ["rope_type", "type"].filter { before.values[$0] != nil }
    let parameterKeys = RopeTypes.all.flatMap { $0.parameterKeys } + ["rope_type", "type"]
    let newKeys = config.dialect == .parameters ? ["rope_type"] : ["type"]
    var values = JSONObject()
    for key in usedKeys.isEmpty ? newKeys : usedKeys { values[key] = .string(CLEXRope.name) }
    for (key, value) in parameters.values { values[key] = value }
    for (key, value) in before.values where !parameterKeys.contains(key) { values[key] = value }
    var isDone: Bool
    switch config.dialect {
    case .parameters:
      values["rope_theta"] = JSONValue(before.theta)
      isDone = edit.set(RotaryConfig.parametersKey, .object(values), at: config.path)
      if isDone, config.object[RotaryConfig.scalingKey]?.asObject != nil {
        isDone = edit.set(RotaryConfig.scalingKey, .object(values), at: config.path)
      }
    case .scaling:
      isDone = edit.set(RotaryConfig.scalingKey, .object(values), at: config.path)
    }
    guard isDone else {
      throw FormatError(
        .ropeConfig, "config.json has no object for the rotary parameters at the expected keys",
        path: model.path)
    }
    return edit.text
  }
}
