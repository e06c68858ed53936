import Base

/// Qwen 3: Llama with normalized queries and keys.
///
/// Source: Yang et al., "Qwen3 technical report".
enum Qwen3: Family {
  static let modelTypes = ["qwen3"]
  static let facts = ArchitectureFacts(activation: "silu", epsilon: 1e-6)

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let c = layer.configuration
    let names = AttentionNames(hasBias: c.attentionBias, hasOutputBias: c.attentionBias)
    let attention = layer.scope("self_attn")
    let mixed = try attention.selfAttention(layer.rmsNorm(x, "input_layernorm"), names) {
      try attention.rmsNorm($0, $1, width: c.headDim)
    }
    let h = try layer.sum(x, mixed)
    return try layer.sum(
      h, layer.scope("mlp").gatedFeedForward(layer.rmsNorm(h, "post_attention_layernorm")))
  }
}
