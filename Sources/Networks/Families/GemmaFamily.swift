import Base

/// The parts that all Gemma models share: embeddings times √(hidden size), and normalization by 1 + weight.
protocol GemmaFamily: Family {}

extension GemmaFamily {
  package static var startOfNormalizations: Float { 0 }

  package static func unsupportedSettings(of object: JSONObject) -> [String] {
    refused(["use_bidirectional_attention"], in: object)
  }

  package static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    let configuration = model.configuration
    return try model.tape.apply(
      Scale(Double(configuration.hiddenSize).squareRoot()),
      [model.embedding(model.tokens(input), "embed_tokens", of: configuration.vocabularySize)])
  }

  package static func last<S: NetworkScalar>(
    _ x: Value<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    try model.rmsNorm(x, "norm", addsOne: true)
  }
}

extension Scope {
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
