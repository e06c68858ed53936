import Base

/// A transformer of attention layers alone: learned positions, no normalization, no feed-forward part, no biases.
///
/// Source: Elhage et al., "A mathematical framework for transformer circuits".
enum AttentionOnly: Family {
  static let modelTypes = ["attention_only"]
  static let attentionLayout: AttentionLayout? = .separate("attn.")
  static let facts = ArchitectureFacts(
    activation: "relu", epsilon: 0, rotates: false, isAttentionOnly: true)
  static let prefixes = ["", "transformer."]
  static let embeddingName = "wte.weight"
  static let blockName = "h."

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    try model.sum(
      model.embedding(model.tokens(input), "wte", of: model.configuration.vocabularySize),
      model.positionEmbedding("wpe"))
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let d = layer.configuration.hiddenSize
    let attention = layer.scope("attn")
    let mixed = try attention.attention(
      attention.linear(x, "q_proj", to: d), attention.linear(x, "k_proj", to: d),
      attention.linear(x, "v_proj", to: d))
    return try layer.sum(x, attention.linear(mixed, "o_proj", to: d))
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    x
  }
}
