/// Gemma 3, text: Gemma 2 with normalized queries and keys, no bound of scores, and one layer in six without a window.
///
/// Source: Gemma Team, "Gemma 3 technical report".
enum Gemma3: GemmaFamily {
  static let modelTypes = ["gemma3_text"]
  static let facts = ArchitectureFacts(
    tiesEmbeddings: true, activation: "gelu_pytorch_tanh", epsilon: 1e-6, windowPattern: 6)

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let c = layer.configuration
    let attention = layer.scope("self_attn")
    return try layer.gemmaBlock(x) {
      try attention.selfAttention($0, hasBias: c.attentionBias, hasOutputBias: c.attentionBias) {
        try attention.rmsNorm($0, $1, width: c.headDim, addsOne: true)
      }
    }
  }
}
