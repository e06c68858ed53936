package import Base
package import Models

/// The rotary settings in a model's `config.json`, in whichever way it has them.
package struct RotaryConfig: Sendable {
  /// How a configuration keeps its rotary parameters.
  package enum Dialect: Sendable, Equatable {
    /// `rope_scaling` and `rope_theta` beside it, as before transformers 5.
    case scaling
    /// `rope_parameters` with `rope_theta` in it, as from transformers 5 on.
    case parameters
  }

  /// Where in the document the text model is configured: empty for the top.
  package let path: [String]
  package let dialect: Dialect
  /// For each kind of layers its settings; one without a name if all are alike.
  package let layers: [(kind: String?, settings: RopeSettings)]
  /// The document, or the part of it at `path`.
  package let object: JSONObject

  package static let parametersKey = "rope_parameters"
  package static let scalingKey = "rope_scaling"

  /// - Throws: what is wrong, naming the key.
  package init(_ root: JSONObject) throws(RopeFault) {
    try self.init(ModelConfiguration(root))
  }

  /// - Throws: what is wrong, naming the key.
  package init(_ model: ModelConfiguration) throws(RopeFault) {
    path = model.path
    object = model.object
    guard let headDim = try Self.headDim(model) else {
      throw RopeFault(
        "config.json has neither head_dim nor hidden_size and num_attention_heads",
        hint: "the model's rotary embedding cannot be known without them")
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
          throw RopeFault("rope_scaling is no object")
        }
        settings = try Self.settings(values, base)
        if let original = object["original_max_position_embeddings"],
          settings.values["original_max_position_embeddings"] == nil
        {
          settings.values["original_max_position_embeddings"] = original
        }
      }
      if let local = try Self.number(object, ["rope_local_base_freq"]) {
        // Gemma 3 before transformers 5: local layers have a base of their own, and no scaling.
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

  /// The first of these keys that is there and not null.
  private static func number(
    _ object: JSONObject, _ keys: [String]
  ) throws(RopeFault) -> Double? {
    for key in keys {
      guard let value = object[key], value != .null else { continue }
      guard let number = value.asDouble else { throw RopeFault("\(key) is no number") }
      return number
    }
    return nil
  }

  private static func headDim(_ model: ModelConfiguration) throws(RopeFault) -> Int? {
    // DeepSeek rotates a part of each head that is configured by itself.
    let written = try reading { () throws(ModelConfiguration.Fault) in
      try model.size(["qk_rope_head_dim", "head_dim"])
    }
    if let written { return written }
    // Models with other names for these, such as T5 and MPT, do not rotate.
    let (hidden, heads) = try reading { () throws(ModelConfiguration.Fault) in
      (
        try model.wholeNumber(["hidden_size", "n_embd", "d_model"]),
        try model.wholeNumber(["num_attention_heads", "n_head"])
      )
    }
    guard let hidden, let heads else { return nil }
    guard heads > 0, hidden > 0, hidden % heads == 0 else {
      throw RopeFault("hidden_size \(hidden) is no multiple of num_attention_heads \(heads)")
    }
    return hidden / heads
  }

  /// The settings in `rope_parameters`: one, or one for each kind of layers.
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

  private static func settings(
    _ values: JSONObject, _ base: RopeSettings
  ) throws(RopeFault) -> RopeSettings {
    var settings = base
    let name = values["rope_type"] ?? values["type"]
    guard let name = name?.asString ?? (name == nil || name == .null ? "default" : nil) else {
      throw RopeFault("rope_type is no text")
    }
    settings.typeName = name
    if let theta = try number(values, ["rope_theta"]) { settings.theta = theta }
    if let share = try number(values, ["partial_rotary_factor"]) { settings.partialFactor = share }
    settings.values = values
    return settings
  }
}
