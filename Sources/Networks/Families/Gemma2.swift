import Base

/// Gemma 2: normalization before and after each part, by 1 + weight; bounded scores and logits; every other layer has a
/// window.
///
/// Source: Gemma Team, "Gemma 2: Improving open language models at a practical size".
enum Gemma2: Family {
  static let modelTypes = ["gemma2"]
  static let facts = ArchitectureFacts(
    tiesEmbeddings: true, activation: "gelu_pytorch_tanh", epsilon: 1e-6, windowPattern: 2)

  static func unsupportedSettings(of object: JSONObject) -> [String] {
    refused(["use_bidirectional_attention"], in: object)
  }

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    try model.scaledEmbedding(model.tokens(input))
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    return try layer.gemmaBlock(x) {
      try layer.scope("self_attn").selfAttention(
        $0, hasBias: layer.configuration.attentionBias,
        hasOutputBias: layer.configuration.attentionBias)
    }
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.rmsNorm(x, "norm", addsOne: true)
  }
}

extension Scope {
  /// Returns the embeddings times √(hidden size).
  func scaledEmbedding(_ ids: [Int32]) throws -> Value<Scalar> {
    try tape.apply(
      Scale(Double(configuration.hiddenSize).squareRoot()),
      [embedding(ids, "embed_tokens", of: configuration.vocabularySize)])
  }

  /// Returns the hidden states after a block with four normalizations.
  func gemmaBlock(
    _ x: Value<Scalar>, attention: (Value<Scalar>) throws -> Value<Scalar>
  ) throws -> Value<Scalar> {
    let mixed = try attention(rmsNorm(x, "input_layernorm", addsOne: true))
    let h = try sum(x, rmsNorm(mixed, "post_attention_layernorm", addsOne: true))
    let inner = try scope("mlp").gatedFeedForward(
      rmsNorm(h, "pre_feedforward_layernorm", addsOne: true))
    return try sum(h, rmsNorm(inner, "post_feedforward_layernorm", addsOne: true))
  }
}
