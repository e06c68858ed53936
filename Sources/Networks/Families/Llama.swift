import Base

/// Llama: normalization before each part, rotary positions, grouped heads, a gated feed-forward part.
///
/// Source: Touvron et al., "LLaMA: Open and efficient foundation language models", and "Llama 2".
enum Llama: Family {
  static let modelTypes = ["llama"]
  static let facts = ArchitectureFacts(activation: "silu", epsilon: 1e-6)

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let c = layer.configuration
    let names = AttentionNames(hasBias: c.attentionBias, hasOutputBias: c.attentionBias)
    let h = try layer.sum(
      x,
      layer.scope("self_attn").selfAttention(layer.rmsNorm(x, "input_layernorm"), names))
    return try layer.sum(
      h,
      layer.scope("mlp").gatedFeedForward(
        layer.rmsNorm(h, "post_attention_layernorm"), hasBias: c.feedForwardBias))
  }
}
