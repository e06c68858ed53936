package import Base
package import Models

/// The rotary settings of a model, read from either dialect of `config.json`.
package struct RotaryConfig: Sendable {
  /// The form in which a configuration stores its rotary parameters.
  package enum Dialect: Sendable, Equatable {
    /// `rope_scaling`, with `rope_theta` next to it: the form before transformers 5.
    case scaling
    /// `rope_parameters`, with `rope_theta` inside: the form since transformers 5.
    case parameters
  }

  /// The keys that lead to the configuration of the text model; empty if it is the whole document.
  package let path: [String]
  package let dialect: Dialect
  /// The settings of each kind of layers; a single entry without a kind if all layers are alike.
  package let layers: [(kind: String?, settings: RopeSettings)]
  /// The part of the document at `path`.
  package let object: JSONObject
  /// The key of the base next to `rope_scaling`.
  package let baseKey: String
  /// The key of the largest number of positions.
  package let lengthKey: String
  /// True if neither the configuration nor a known architecture sets the base.
  package let isBaseAssumed: Bool
  /// The settings of layers with a window that the architecture defines.
  package let windows: RotaryArchitecture.Windows?

  package static let parametersKey = "rope_parameters"
  package static let scalingKey = "rope_scaling"
  static let originalLengthKey = "original_max_position_embeddings"

  /// - Throws: a fault that names the key, or ``RopeFault/noRotation(_:)``.
  package init(_ root: JSONObject) throws(RopeFault) {
    try self.init(ModelConfiguration(root))
  }

  /// - Throws: a fault that names the key, or ``RopeFault/noRotation(_:)``.
  package init(_ model: ModelConfiguration) throws(RopeFault) {
    path = model.path
    object = model.object
    let facts = try Self.reading { () throws(ModelConfiguration.Fault) in try Facts(model) }
    guard facts.rotates else { throw .noRotation(facts.modelType ?? "") }
    if case .some(rotated: 0, _)? = facts.rotatedLayers {
      throw .noRotation(facts.modelType ?? "", "none of whose layers has a rotary embedding")
    }
    guard let base = facts.settings else {
      throw RopeFault(
        "config.json has neither head_dim nor hidden_size and num_attention_heads",
        hint: "add them; they give the number of rotated dimensions")
    }
    (baseKey, lengthKey, windows) = (facts.base.key, facts.lengthKey, facts.windows)
    if let parameters = object[Self.parametersKey]?.asObject {
      dialect = .parameters
      if let scaling = object[Self.scalingKey]?.asObject,
        scaling.contains(where: { parameters[$0.key] != $0.value })
      {
        throw RopeFault(
          "config.json has rope_parameters and a different rope_scaling",
          hint: "remove the one that does not describe the weights")
      }
      layers = try Self.layers(parameters, base, fullHeadDim: facts.fullHeadDim)
    } else {
      dialect = .scaling
      layers = try Self.layers(besides: object, base, facts)
    }
    isBaseAssumed =
      !facts.isKnown && !facts.base.isWritten
      && layers.contains { $0.settings.values["rope_theta"] == nil }
  }

  /// The facts that are not in the object of rotary parameters.
  private struct Facts {
    let modelType: String?
    let rotates: Bool
    let isKnown: Bool
    let base: ModelConfiguration.Keyed<Double>
    let windowBase: Double?
    let windows: RotaryArchitecture.Windows?
    let fullHeadDim: Int?
    let rotatedLayers: RotatedLayers?
    let lengthKey: String
    /// The settings without rotary parameters; nil if the size of a head is unknown.
    let settings: RopeSettings?

    init(_ model: ModelConfiguration) throws(ModelConfiguration.Fault) {
      modelType = try model.textModelType
      rotates = try model.hasRotaryEmbeddings
      let architecture = try model.rotaryArchitecture
      isKnown = architecture != nil
      windows = try model.rotaryWindows
      rotatedLayers = try model.rotatedLayers
      base = try model.rotaryBase
      windowBase = try model.rotaryWindowBase
      fullHeadDim = try model.rotaryFullHeadDim
      let limit = try model.positionLimit
      lengthKey = limit?.key ?? ModelConfiguration.Keys.maximumPositions[0]
      guard let headDim = try model.rotaryHeadDim else {
        settings = nil
        return
      }
      var settings = RopeSettings(
        theta: base.value, headDim: headDim,
        partialFactor: try model.rotaryShare(headDim: headDim), maximumLength: limit?.value)
      settings.plainDim = try model.rotaryPlainDim
      settings.layers = rotatedLayers
      self.settings = settings
    }
  }

  private static func reading<T>(
    _ read: () throws(ModelConfiguration.Fault) -> T
  ) throws(RopeFault) -> T {
    do throws(ModelConfiguration.Fault) { return try read() } catch {
      throw RopeFault(Message(error.description))
    }
  }

  /// Returns the number under `key`; nil if it is absent or null.
  private static func number(_ object: JSONObject, _ key: String) throws(RopeFault) -> Double? {
    guard let value = object[key], value != .null else { return nil }
    guard let number = value.asDouble else { throw RopeFault("\(key) is not a number") }
    return number
  }

  /// Returns the settings in `rope_parameters`: one entry, or one for each kind of layers.
  private static func layers(
    _ parameters: JSONObject, _ base: RopeSettings, fullHeadDim: Int?
  ) throws(RopeFault) -> [(kind: String?, settings: RopeSettings)] {
    let kinds = parameters.filter { $0.value.asObject != nil }
    let isNested = kinds.count == parameters.count { $0.value != .null }
    guard !kinds.isEmpty, isNested else { return [(nil, try settings(parameters, base))] }
    var layers: [(kind: String?, settings: RopeSettings)] = []
    for (kind, value) in kinds {
      var base = base
      if kind == "full_attention", let fullHeadDim { base.headDim = fullHeadDim }
      layers.append((kind, try settings(value.asObject ?? JSONObject(), base)))
    }
    return layers
  }

  /// Returns the settings in `rope_scaling` and next to it: one entry, or one for each kind of layers.
  private static func layers(
    besides object: JSONObject, _ base: RopeSettings, _ facts: Facts
  ) throws(RopeFault) -> [(kind: String?, settings: RopeSettings)] {
    var scaled = base
    if let scaling = object[scalingKey], scaling != .null {
      guard let values = scaling.asObject else { throw RopeFault("rope_scaling is not an object") }
      scaled = try settings(values, base)
      // Phi 3 has the trained length next to the object, where it takes precedence.
      if let original = object[originalLengthKey], original != .null {
        scaled.values[originalLengthKey] = original
      }
    }
    var window: RopeSettings
    switch facts.windows {
    case nil, .rotateAlone:
      guard let theta = facts.windowBase else { return [(nil, scaled)] }
      window = base
      window.theta = theta
    case .base(let theta):
      window = base
      window.theta = facts.windowBase ?? theta
    case .scaledBase(let theta):
      window = scaled
      window.theta = facts.windowBase ?? theta
    case .unscaled: window = base
    }
    return [("full_attention", scaled), ("sliding_attention", window)]
  }

  /// Returns `base` with the type and parameters of one object of the configuration.
  private static func settings(
    _ values: JSONObject, _ base: RopeSettings
  ) throws(RopeFault) -> RopeSettings {
    var settings = base
    let name = values["rope_type"] ?? values["type"]
    guard let name = name?.asString ?? (name == nil || name == .null ? "default" : nil) else {
      throw RopeFault("rope_type is not a string")
    }
    settings.typeName = name
    if let theta = try number(values, "rope_theta") { settings.theta = theta }
    if let share = try number(values, "partial_rotary_factor") { settings.partialFactor = share }
    settings.values = values
    return settings
  }
}
