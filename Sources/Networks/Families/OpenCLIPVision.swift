import Base

/// The image encoder of CLIP with the names of OpenAI's and open_clip's files: queries, keys and values are one tensor,
/// and the projection is stored transposed.
///
/// The output is the features of each image before they are normalized, shape `[images, features]`.
/// Source: Radford et al., "Learning transferable visual models from natural language supervision".
enum OpenCLIPVision: Family {
  static let modelTypes = ["open_clip_vision_model"]
  static let attentionLayout: AttentionLayout? = nil
  static let facts = ArchitectureFacts(
    activation: "quick_gelu", epsilon: 1e-5, rotates: false, readsImages: true)
  static let prefixes = ["visual.", "model.visual.", "image_encoder.model.visual."]
  static let embeddingName = "conv1.weight"
  static let blockName = "transformer.resblocks."

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    let tokens = try model.imageTokens(
      input, kernels: "conv1.weight", classToken: "class_embedding")
    let count = model.configuration.image?.tokenCount ?? 0
    let rows = (0..<model.windows.sequenceCount).flatMap { _ in 0..<Int32(count) }
    let positions = try model.tape.apply(
      Embedding(rows), [],
      [model.parameter("positional_embedding", count, model.configuration.hiddenSize)])
    return try model.layerNorm(model.sum(tokens, positions), "ln_pre")
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let c = layer.configuration
    let d = c.hiddenSize
    let attention = layer.scope("attn")
    let all = try attention.linear(
      layer.layerNorm(x, "ln_1"),
      [
        attention.parameter("in_proj_weight", 3 * d, d), attention.parameter("in_proj_bias", 3 * d),
      ])
    let mixed = try attention.attention(
      attention.columns(0..<d, of: all), attention.columns(d..<2 * d, of: all),
      attention.columns(2 * d..<3 * d, of: all), isCausal: false)
    let h = try layer.sum(x, attention.linear(mixed, "out_proj", to: d, hasBias: true))
    let inner = try layer.activation(
      layer.linear(
        layer.layerNorm(h, "ln_2"), "mlp.c_fc", to: c.intermediateSize, hasBias: true))
    return try layer.sum(h, layer.linear(inner, "mlp.c_proj", to: d, hasBias: true))
  }

  static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    let c = model.configuration
    return try model.tape.apply(
      LinearTransposed(), [model.layerNorm(model.classTokens(x), "ln_post")],
      [model.parameter("proj", c.hiddenSize, c.image?.featureCount ?? 0)])
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> { x }

  static let hasLogits = false
}
