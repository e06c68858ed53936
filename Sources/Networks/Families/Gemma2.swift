/// Gemma 2: normalization before and after each part, by 1 + weight; bounded scores and logits; every other layer has a
/// window.
///
/// Source: Gemma Team, "Gemma 2: Improving open language models at a practical size".
enum Gemma2: GemmaFamily {
  static let modelTypes = ["gemma2"]
  static let facts = ArchitectureFacts(
    tiesEmbeddings: true, activation: "gelu_pytorch_tanh", epsilon: 1e-6, windowPattern: 2)

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    return try layer.gemmaBlock(x) {
      try layer.scope("self_attn").selfAttention(
        $0, hasBias: layer.configuration.attentionBias,
        hasOutputBias: layer.configuration.attentionBias)
    }
  }
}
