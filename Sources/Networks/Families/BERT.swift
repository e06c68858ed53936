import Base

/// BERT and encoders of its shape, such as MiniLM: attention in both directions, normalization after each part.
///
/// The output is the mean of the last hidden states over all tokens except padding, shape `[sequences, hidden size]`, as
/// in sentence-transformers.
/// Sources: Devlin et al., "BERT"; Reimers and Gurevych, "Sentence-BERT".
enum BERT: Family {
  static let modelTypes = ["bert"]
  static let attentionLayout: AttentionLayout? = nil
  static let facts = ArchitectureFacts(
    tiesEmbeddings: true, activation: "gelu", epsilon: 1e-12, rotates: false)
  static let prefixes = ["", "bert."]
  static let embeddingName = "embeddings.word_embeddings.weight"
  static let blockName = "encoder.layer."

  static func unsupportedSettings(of object: JSONObject) -> [String] {
    let positions = object["position_embedding_type"]?.asString ?? "absolute"
    return refused(["is_decoder", "add_cross_attention"], in: object)
      + (positions == "absolute"
        ? [] : ["position_embedding_type is '\(positions.printable)', expected 'absolute'"])
  }

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    let c = model.configuration
    let ids = try model.tokens(input)
    let embeddings = model.scope("embeddings")
    // All tokens are of the first kind.
    let kinds = [Int32](repeating: 0, count: ids.count)
    let sum = try model.sum(
      embeddings.embedding(ids, "word_embeddings", of: c.vocabularySize),
      embeddings.embedding(kinds, "token_type_embeddings", of: c.tokenTypeCount),
      embeddings.positionEmbedding("position_embeddings"))
    return try embeddings.layerNorm(sum, "LayerNorm")
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let c = layer.configuration
    let d = c.hiddenSize
    let attention = layer.scope("attention.self")
    let mixed = try attention.attention(
      attention.linear(x, "query", to: d, hasBias: true),
      attention.linear(x, "key", to: d, hasBias: true),
      attention.linear(x, "value", to: d, hasBias: true), isCausal: false)
    let output = layer.scope("attention.output")
    let h = try output.layerNorm(
      output.sum(output.linear(mixed, "dense", to: d, hasBias: true), x), "LayerNorm")
    let inner = try layer.activation(
      layer.linear(h, "intermediate.dense", to: c.intermediateSize, hasBias: true))
    let last = layer.scope("output")
    return try last.layerNorm(
      last.sum(last.linear(inner, "dense", to: d, hasBias: true), h), "LayerNorm")
  }

  static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    let windows = model.windows
    let lengths =
      windows.lengths ?? Array(repeating: windows.length, count: windows.sequenceCount)
    return try model.tape.apply(MeanPooling(lengths: lengths), [x])
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> { x }

  static let hasLogits = false
}
