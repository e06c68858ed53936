import Base

/// GPT-2: learned positions, layer normalization before each part, weights stored with the inputs first.
///
/// Source: Radford et al., "Language models are unsupervised multitask learners".
enum GPT2: Family {
  static let modelTypes = ["gpt2"]
  static let attentionLayout: AttentionLayout? = .transposed("attn.c_attn", output: "attn.c_proj")
  static let facts = ArchitectureFacts(
    tiesEmbeddings: true, activation: "gelu_new", epsilon: 1e-5, rotates: false,
    intermediateFactor: 4)
  static let prefixes = ["transformer.", ""]
  static let embeddingName = "wte.weight"
  static let blockName = "h."
  static let storesInputsFirst = true

  static func unsupportedSettings(of object: JSONObject) -> [String] {
    refused(["scale_attn_by_inverse_layer_idx", "add_cross_attention"], in: object)
      + (object["scale_attn_weights"]?.asBool == false
        ? ["scale_attn_weights is false, which is not supported"] : [])
  }

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    try model.sum(
      model.embedding(model.tokens(input), "wte", of: model.configuration.vocabularySize),
      model.positionEmbedding("wpe"))
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let h = try layer.sum(x, attention(layer.layerNorm(x, "ln_1"), layer.scope("attn")))
    return try layer.sum(h, feedForward(layer.layerNorm(h, "ln_2"), layer.scope("mlp")))
  }

  private static func attention<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<
    S
  > {
    let d = layer.configuration.hiddenSize
    let all = try layer.linearTransposed(x, "c_attn", to: 3 * d)
    let mixed = try layer.attention(
      layer.columns(0..<d, of: all), layer.columns(d..<2 * d, of: all),
      layer.columns(2 * d..<3 * d, of: all))
    return try layer.linearTransposed(mixed, "c_proj", to: d)
  }

  private static func feedForward<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws
    -> Value<S>
  {
    let c = layer.configuration
    let inner = try layer.activation(layer.linearTransposed(x, "c_fc", to: c.intermediateSize))
    return try layer.linearTransposed(inner, "c_proj", to: c.hiddenSize)
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.layerNorm(x, "ln_f")
  }
}

extension Scope {
  /// Returns the learned embeddings of all positions, shape `[tokens, hidden size]`.
  /// - Parameter count: The number of positions with an embedding; nil for that of the configuration.
  func positionEmbedding(_ name: String, of count: Int? = nil) throws -> Value<Scalar> {
    let positions = Int32(windows.start)..<Int32(windows.start + windows.length)
    return try embedding(
      (0..<windows.sequenceCount).flatMap { _ in positions }, name,
      of: count ?? configuration.positionLimit ?? windows.start + windows.length)
  }
}
