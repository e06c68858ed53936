package import Base

/// The configuration of a model: the content of its `config.json` as typed values.
///
/// Dialects name the same setting differently. Each property reads all names, returns nil if the setting is
/// absent or null, and throws a fault that names the key if the value has the wrong type. If a model has several
/// parts, such as one for images, the properties describe the part that models text.
package struct ModelConfiguration: Sendable {
  /// The whole document.
  package let root: JSONObject
  /// The keys that lead to the part that describes the text model; empty if that is the document itself.
  package let path: [String]
  /// The part at `path`.
  package let object: JSONObject

  private static let nestedKeys = ["text_config", "llm_config", "language_config"]

  package init(_ root: JSONObject) {
    self.root = root
    // The part of Gemma 3 may leave out its heads, which the architecture defines.
    let nested =
      Self.nestedKeys.first { key in root[key]?.asObject.map(Self.describesHeads) == true }
      ?? Self.nestedKeys.first { key in root[key]?.asObject?["model_type"] != nil }
    path = Self.describesHeads(root) ? [] : nested.map { [$0] } ?? []
    object = path.first.flatMap { root[$0]?.asObject } ?? root
  }

  /// True if the object has the settings of attention heads, which every text model has.
  private static func describesHeads(_ object: JSONObject) -> Bool {
    object["num_attention_heads"] != nil || object["n_head"] != nil || object["head_dim"] != nil
  }

  /// A setting that has a value of the wrong type.
  package struct Fault: Error, Equatable, CustomStringConvertible {
    /// The type that the value should have.
    package enum Expected: String, Sendable {
      case number = "a number"
      case wholeNumber = "a whole number"
      case size = "a whole number above 0"
      case text = "a string"
      case flag = "true or false"
      case list = "a list of strings"
      case flags = "a list of 0 and 1"
      case object = "an object"
      case multipleOfHeads = "a multiple of num_attention_heads"
    }
    package var key: String
    package var expected: Expected

    package var description: String { "\(key) is not \(expected.rawValue)" }
  }
}

// MARK: Values under any of several keys

extension ModelConfiguration {
  /// Returns the value of the first of `keys` that is present and not null.
  private func first(_ keys: [String]) -> (key: String, value: JSONValue)? {
    for key in keys {
      if let value = object[key], value != .null { return (key, value) }
    }
    return nil
  }

  /// Returns the value of the first present key of `keys` as `read` converts it.
  /// - Throws: a fault if `read` returns nil.
  private func value<T>(
    _ keys: [String], _ expected: Fault.Expected, _ read: (JSONValue) -> T?
  ) throws(Fault) -> T? {
    guard let (key, value) = first(keys) else { return nil }
    guard let result = read(value) else { throw Fault(key: key, expected: expected) }
    return result
  }

  package func number(_ keys: [String]) throws(Fault) -> Double? {
    try value(keys, .number, \.asDouble)
  }

  /// Returns a whole number, which may be written as `32` or as `32.0`.
  package func wholeNumber(_ keys: [String]) throws(Fault) -> Int? {
    guard let number = try number(keys), let key = first(keys)?.key else { return nil }
    guard let result = Int(exactly: number) else {
      throw Fault(key: key, expected: .wholeNumber)
    }
    return result
  }

  package func size(_ keys: [String]) throws(Fault) -> Int? {
    try value(keys, .size) { value -> Int? in
      value.asDouble.flatMap { Int(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
    }
  }

  package func text(_ keys: [String]) throws(Fault) -> String? {
    try value(keys, .text, \.asString)
  }

  package func flag(_ keys: [String]) throws(Fault) -> Bool? {
    try value(keys, .flag, \.asBool)
  }

  package func child(_ keys: [String]) throws(Fault) -> JSONObject? {
    try value(keys, .object, \.asObject)
  }
}

// MARK: Settings

extension ModelConfiguration {
  /// The names of settings in the dialects. The first name that is present is used.
  package enum Keys {
    package static let layerCount = ["num_hidden_layers", "n_layer", "num_layers", "n_layers"]
    package static let hiddenSize = ["hidden_size", "n_embd", "d_model", "dim"]
    package static let headCount = ["num_attention_heads", "n_head", "n_heads", "num_heads"]
    package static let keyValueHeadCount = [
      "num_key_value_heads", "num_kv_heads", "n_head_kv", "n_kv_heads",
    ]
    package static let maximumPositions = [
      "max_position_embeddings", "n_positions", "max_sequence_length", "seq_length",
    ]
    package static let rotaryBase = ["rope_theta", "global_rope_theta", "rotary_emb_base"]
    package static let rotaryShare = [
      "partial_rotary_factor", "rotary_pct", "rope_pct", "rotary_emb_fraction",
    ]
    package static let vocabularySize = "vocab_size"
    package static let tiesEmbeddings = "tie_word_embeddings"
  }

  /// The name of the architecture of the whole model, such as `llama` or `llava`.
  package var modelType: String? {
    get throws(Fault) { try ModelConfiguration.text(root["model_type"], key: "model_type") }
  }

  /// The name of the architecture of the text model; that of the whole model if the part does not name one.
  package var textModelType: String? {
    get throws(Fault) {
      if let type = try text(["model_type"]) { return type }
      return try modelType
    }
  }

  private static func text(_ value: JSONValue?, key: String) throws(Fault) -> String? {
    guard let value, value != .null else { return nil }
    guard let text = value.asString else { throw Fault(key: key, expected: .text) }
    return text
  }

  /// The classes that load the model.
  package var architectures: [String] {
    get throws(Fault) {
      guard let value = root["architectures"], value != .null else { return [] }
      let names = value.asArray?.compactMap(\.asString)
      guard let names, names.count == value.asArray?.count else {
        throw Fault(key: "architectures", expected: .list)
      }
      return names
    }
  }

  package var hiddenSize: Int? { get throws(Fault) { try wholeNumber(Keys.hiddenSize) } }
  package var layerCount: Int? { get throws(Fault) { try wholeNumber(Keys.layerCount) } }
  package var headCount: Int? { get throws(Fault) { try wholeNumber(Keys.headCount) } }

  /// The width of the feed-forward part of a dense layer.
  package var intermediateSize: Int? {
    get throws(Fault) {
      try wholeNumber(["intermediate_size", "n_inner", "ffn_dim", "d_ff", "ffn_hidden_size"])
    }
  }

  /// The number of heads of keys and values; the number of query heads if the model has no separate setting.
  package var keyValueHeadCount: Int? {
    get throws(Fault) {
      // Falcon and GPT-BigCode share one head, whatever the other settings are; ChatGLM has a separate setting.
      if try flag(["multi_query"]) == true, try flag(["new_decoder_architecture"]) != true {
        return 1
      }
      if try flag(["multi_query_attention"]) == true {
        return try wholeNumber(["multi_query_group_num"]) ?? 1
      }
      if let count = try wholeNumber(Keys.keyValueHeadCount) { return count }
      return try headCount
    }
  }

  /// The width of a head; if it is not set, the hidden size divided by the number of heads, rounded down.
  package var headDim: Int? {
    get throws(Fault) {
      if let dim = try size(["head_dim", "kv_channels"]) { return dim }
      guard let hidden = try hiddenSize, let heads = try headCount, hidden > 0, heads > 0 else {
        return nil
      }
      return hidden / heads
    }
  }

  package var vocabularySize: Int? {
    get throws(Fault) { try wholeNumber([Keys.vocabularySize]) }
  }

  /// The largest number of positions that the model was configured for.
  package var maximumPositions: Int? {
    get throws(Fault) { try wholeNumber(Keys.maximumPositions) }
  }

  /// True if the output layer shares the embedding table. Models with several parts have this setting in the root.
  package var tiesEmbeddings: Bool? {
    get throws(Fault) {
      let key = Keys.tiesEmbeddings
      guard let value = root[key] ?? object[key], value != .null else { return nil }
      guard let flag = value.asBool else { throw Fault(key: key, expected: .flag) }
      return flag
    }
  }

  /// PyTorch's name of the dtype of the weights, such as `bfloat16`.
  package var dtypeName: String? {
    get throws(Fault) {
      for (owner, key) in [
        (object, "torch_dtype"), (object, "dtype"), (root, "torch_dtype"), (root, "dtype"),
      ] {
        if let name = try Self.text(owner[key], key: key) { return name }
      }
      return nil
    }
  }

  /// The rotary settings as written: `rope_parameters` or, without it, `rope_scaling`.
  package var rope: JSONObject? {
    get throws(Fault) { try child(["rope_parameters", "rope_scaling"]) }
  }

  /// The number of experts in a layer that the router selects from.
  package var expertCount: Int? {
    get throws(Fault) {
      try wholeNumber([
        "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts",
      ])
    }
  }

  /// The number of experts that the router selects for each token.
  package var expertsPerToken: Int? {
    get throws(Fault) {
      try wholeNumber(["num_experts_per_tok", "moe_topk", "num_experts_per_token"])
    }
  }

  /// The width of one expert.
  package var expertIntermediateSize: Int? {
    get throws(Fault) { try wholeNumber(["moe_intermediate_size", "expert_ffn_hidden_size"]) }
  }

  /// The settings of a stored quantization, as written.
  package var quantization: JSONObject? {
    get throws(Fault) {
      let key = "quantization_config"
      guard let value = object[key] ?? root[key], value != .null else { return nil }
      guard let object = value.asObject else { throw Fault(key: key, expected: .object) }
      return object
    }
  }
}
