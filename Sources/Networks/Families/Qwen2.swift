import Base

/// Qwen 2: Llama with biases of queries, keys and values.
///
/// Source: Yang et al., "Qwen2 technical report".
enum Qwen2: Family {
  static let modelTypes = ["qwen2"]
  static let facts = ArchitectureFacts(activation: "silu", epsilon: 1e-6)

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let names = AttentionNames(hasBias: true)
    let h = try layer.sum(
      x, layer.scope("self_attn").selfAttention(layer.rmsNorm(x, "input_layernorm"), names))
    return try layer.sum(
      h, layer.scope("mlp").gatedFeedForward(layer.rmsNorm(h, "post_attention_layernorm")))
  }
}
