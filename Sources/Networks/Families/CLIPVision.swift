import Base

/// The image encoder of CLIP: patches with a class token, attention in both directions, normalization before each part.
///
/// The output is the features of each image before they are normalized, shape `[images, features]`.
/// Source: Radford et al., "Learning transferable visual models from natural language supervision".
enum CLIPVision: Family {
  static let modelTypes = ["clip_vision_model"]
  static let attentionLayout: AttentionLayout? = nil
  static let facts = ArchitectureFacts(
    activation: "quick_gelu", epsilon: 1e-5, rotates: false, readsImages: true)
  static let prefixes = ["vision_model."]
  static let embeddingName = "embeddings.patch_embedding.weight"
  static let blockName = "encoder.layers."

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    let tokens = try model.imageTokens(
      input, kernels: "embeddings.patch_embedding.weight", classToken: "embeddings.class_embedding")
    let count = model.configuration.image?.tokenCount ?? 0
    let sum = try model.sum(
      tokens, model.scope("embeddings").positionEmbedding("position_embedding", of: count))
    // The name of the tensors has this spelling.
    return try model.layerNorm(sum, "pre_layrnorm")
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let c = layer.configuration
    let d = c.hiddenSize
    let attention = layer.scope("self_attn")
    let n = try layer.layerNorm(x, "layer_norm1")
    let mixed = try attention.attention(
      attention.linear(n, "q_proj", to: d, hasBias: true),
      attention.linear(n, "k_proj", to: d, hasBias: true),
      attention.linear(n, "v_proj", to: d, hasBias: true), isCausal: false)
    let h = try layer.sum(x, attention.linear(mixed, "out_proj", to: d, hasBias: true))
    let inner = try layer.activation(
      layer.linear(
        layer.layerNorm(h, "layer_norm2"), "mlp.fc1", to: c.intermediateSize, hasBias: true))
    return try layer.sum(h, layer.linear(inner, "mlp.fc2", to: d, hasBias: true))
  }

  static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    let c = model.configuration
    return try model.linear(
      model.layerNorm(model.classTokens(x), "post_layernorm"),
      [
        model.run.network.parameter(
          "visual_projection.weight", [c.image?.featureCount ?? 0, c.hiddenSize])
      ])
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> { x }

  static let hasLogits = false
}
