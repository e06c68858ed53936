import Base

/// Mistral: Llama with a window of keys in all layers.
///
/// Source: Jiang et al., "Mistral 7B".
enum Mistral: Family {
  static let modelTypes = ["mistral"]
  static let facts = ArchitectureFacts(activation: "silu", epsilon: 1e-6, windowsAllLayers: true)

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let h = try layer.sum(
      x, layer.scope("self_attn").selfAttention(layer.rmsNorm(x, "input_layernorm")))
    return try layer.sum(
      h, layer.scope("mlp").gatedFeedForward(layer.rmsNorm(h, "post_attention_layernorm")))
  }
}
