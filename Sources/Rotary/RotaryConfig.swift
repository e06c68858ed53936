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

  package static let parametersKey = "rope_parameters"
  package static let scalingKey = "rope_scaling"

  /// - Throws: a fault that names the key.
  package init(_ root: JSONObject) throws(RopeFault) {
    try self.init(ModelConfiguration(root))
  }

  /// - Throws: a fault that names the key.
  package init(_ model: ModelConfiguration) throws(RopeFault) {
    path = model.path
    object = model.object
    guard let headDim = try Self.headDim(model) else {
      throw RopeFault(
        "config.json has neither head_dim nor hidden_size and num_attention_heads",
        hint: "add them; they give the number of rotated dimensions")
    }
    let base = try Self.reading { () throws(ModelConfiguration.Fault) in
      RopeSettings(
        theta: try model.number(["rope_theta", "rotary_emb_base"]) ?? 10_000, headDim: headDim,
        partialFactor: try model.number(["partial_rotary_factor", "rotary_pct"]) ?? 1,
        maximumLength: try model.maximumPositions)
    }
    if let parameters = object[Self.parametersKey]?.asObject {
      dialect = .parameters
      layers = try Self.layers(parameters, base)
    } else {
      dialect = .scaling
      var settings = base
      if let scaling = object[Self.scalingKey], scaling != .null {
        guard let values = scaling.asObject else {
          throw RopeFault("rope_scaling is not an object")
        }
        settings = try Self.settings(values, base)
        if let original = object["original_max_position_embeddings"],
          settings.values["original_max_position_embeddings"] == nil
        {
          settings.values["original_max_position_embeddings"] = original
        }
      }
      if let local = try Self.number(object, ["rope_local_base_freq"]) {
        // Gemma 3 before transformers 5: local layers have their own base and are not scaled.
        var near = base
        near.theta = local
        layers = [("full_attention", settings), ("sliding_attention", near)]
      } else {
        layers = [(nil, settings)]
      }
    }
  }

  private static func reading<T>(
    _ read: () throws(ModelConfiguration.Fault) -> T
  ) throws(RopeFault) -> T {
    do throws(ModelConfiguration.Fault) { return try read() } catch {
      throw RopeFault(Message(error.description))
    }
  }

  /// Returns the number under the first of `keys` that is present and not null.
  private static func number(
    _ object: JSONObject, _ keys: [String]
  ) throws(RopeFault) -> Double? {
    for key in keys {
      guard let value = object[key], value != .null else { continue }
      guard let number = value.asDouble else { throw RopeFault("\(key) is not a number") }
      return number
    }
    return nil
  }

  /// Returns the number of dimensions of a head; nil if the configuration does not define it.
  private static func headDim(_ model: ModelConfiguration) throws(RopeFault) -> Int? {
    // DeepSeek rotates a part of each head, which has its own key.
    let written = try reading { () throws(ModelConfiguration.Fault) in
      try model.size(["qk_rope_head_dim", "head_dim"])
    }
    if let written { return written }
    // Models with other names for these, such as T5 and MPT, have no rotary embedding.
    let (hidden, heads) = try reading { () throws(ModelConfiguration.Fault) in
      (
        try model.wholeNumber(["hidden_size", "n_embd", "d_model"]),
        try model.wholeNumber(["num_attention_heads", "n_head"])
      )
    }
    guard let hidden, let heads else { return nil }
    guard heads > 0, hidden > 0, hidden % heads == 0 else {
      throw RopeFault("hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
    }
    return hidden / heads
  }

  /// Returns the settings in `rope_parameters`: one entry, or one for each kind of layers.
  private static func layers(
    _ parameters: JSONObject, _ base: RopeSettings
  ) throws(RopeFault) -> [(kind: String?, settings: RopeSettings)] {
    let kinds = parameters.filter { $0.value.asObject != nil }
    guard !kinds.isEmpty, kinds.count == parameters.count else {
      return [(nil, try settings(parameters, base))]
    }
    var layers: [(kind: String?, settings: RopeSettings)] = []
    for (kind, value) in kinds {
      layers.append((kind, try settings(value.asObject ?? JSONObject(), base)))
    }
    return layers
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
    if let theta = try number(values, ["rope_theta"]) { settings.theta = theta }
    if let share = try number(values, ["partial_rotary_factor"]) { settings.partialFactor = share }
    settings.values = values
    return settings
  }
}
