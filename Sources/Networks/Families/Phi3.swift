import Base

/// Phi 3: Llama with one matrix for queries, keys and values, and one for gate and up.
///
/// Source: Abdin et al., "Phi-3 technical report".
enum Phi3: Family {
  static let modelTypes = ["phi3"]
  static let attentionLayout: AttentionLayout? = .joined(
    "self_attn.qkv_proj", output: "self_attn.o_proj")
  static let facts = ArchitectureFacts(activation: "silu", epsilon: 1e-5, windowsAllLayers: true)

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let h = try layer.sum(
      x, attention(layer.rmsNorm(x, "input_layernorm"), layer.scope("self_attn")))
    return try layer.sum(
      h, feedForward(layer.rmsNorm(h, "post_attention_layernorm"), layer.scope("mlp")))
  }

  private static func attention<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<
    S
  > {
    let c = layer.configuration
    let (q, kv) = (c.headCount * c.headDim, c.keyValueHeadCount * c.headDim)
    let all = try layer.linear(x, "qkv_proj", to: q + 2 * kv)
    let mixed = try layer.attention(
      layer.rotated(layer.columns(0..<q, of: all)),
      layer.rotated(layer.columns(q..<q + kv, of: all)),
      layer.columns(q + kv..<q + 2 * kv, of: all))
    return try layer.linear(mixed, "o_proj", to: c.hiddenSize)
  }

  private static func feedForward<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws
    -> Value<S>
  {
    let c = layer.configuration
    let width = c.intermediateSize
    let both = try layer.linear(x, "gate_up_proj", to: 2 * width)
    let inner = try layer.gated(
      layer.columns(0..<width, of: both), layer.columns(width..<2 * width, of: both))
    return try layer.linear(inner, "down_proj", to: c.hiddenSize)
  }
}
