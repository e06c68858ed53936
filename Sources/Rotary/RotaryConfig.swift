package import TensorCore

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
    let nested = ["text_config", "llm_config", "language_config"].first { key in
      root[key]?.asObject.map(Self.isModel) == true
    }
    path = Self.isModel(root) ? [] : nested.map { [$0] } ?? []
    let object = path.first.flatMap { root[$0]?.asObject } ?? root
    self.object = object
    guard let headDim = try Self.headDim(object) else {
      throw RopeFault(
        "config.json has neither head_dim nor hidden_size and num_attention_heads",
        hint: "the model's rotary embedding cannot be known without them")
    }
    let maximum = ["max_position_embeddings", "n_positions", "max_sequence_length"].lazy
      .compactMap { object[$0]?.asInt }.first
    let base = RopeSettings(
      theta: Self.number(object, ["rope_theta", "rotary_emb_base"]) ?? 10_000, headDim: headDim,
      partialFactor: Self.number(object, ["partial_rotary_factor", "rotary_pct"]) ?? 1,
      maximumLength: maximum)
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
      if let local = Self.number(object, ["rope_local_base_freq"]) {
        // Gemma 3 before transformers 5: local layers have a base of their own, and no scaling.
        var near = base
        near.theta = local
        layers = [("full_attention", settings), ("sliding_attention", near)]
      } else {
        layers = [(nil, settings)]
      }
    }
  }

  /// A part of a configuration that describes layers with heads.
  private static func isModel(_ object: JSONObject) -> Bool {
    object["num_attention_heads"] != nil || object["n_head"] != nil || object["head_dim"] != nil
  }

  private static func number(_ object: JSONObject, _ keys: [String]) -> Double? {
    keys.lazy.compactMap { object[$0]?.asDouble }.first
  }

  private static func headDim(_ object: JSONObject) throws(RopeFault) -> Int? {
    // DeepSeek rotates a part of each head that is configured by itself.
    for key in ["qk_rope_head_dim", "head_dim"] {
      guard let value = object[key], value != .null else { continue }
      guard let dim = value.asInt, dim > 0 else {
        throw RopeFault("\(key) is no size above 0")
      }
      return dim
    }
    guard
      let hidden = number(object, ["hidden_size", "n_embd", "d_model"]).flatMap({ Int(exactly: $0) }
      ),
      let heads = number(object, ["num_attention_heads", "n_head"]).flatMap({ Int(exactly: $0) })
    else { return nil }
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
    if let theta = values["rope_theta"]?.asDouble { settings.theta = theta }
    if let share = values["partial_rotary_factor"]?.asDouble { settings.partialFactor = share }
    settings.values = values
    return settings
  }
}
