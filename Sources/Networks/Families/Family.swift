package import Base

/// A family of models: the functions of its paper, over one configuration.
///
/// The same functions compute, check names and shapes, and count memory: parameters are named where they are used.
package protocol Family: Sendable {
  /// The values of `model_type` in configurations.
  static var modelTypes: [String] { get }
  static var facts: ArchitectureFacts { get }
  /// The possible prefixes of the names of tensors, the usual one first.
  static var prefixes: [String] { get }
  /// The name of the embedding table, after the prefix.
  static var embeddingName: String { get }
  /// The part of a tensor's name between the prefix and the index of the block.
  static var blockName: String { get }

  /// Returns messages about settings that change the network in ways that the family does not support.
  static func unsupportedSettings(of object: JSONObject) -> [String]
  /// Returns the hidden states before the first block.
  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S>
  /// Returns the hidden states after a block.
  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S>
  /// Returns the output of the network.
  static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S>
  /// Returns the input of the output layer.
  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S>
  /// True if the output of the network is logits, one for each token of the vocabulary.
  static var hasLogits: Bool { get }
  /// True if linear layers of the blocks store their weights with the inputs first.
  static var storesInputsFirst: Bool { get }
  /// The value of the weights of normalizations in a new network.
  static var startOfNormalizations: Float { get }
  /// The tensors of the projections of an attention; nil if the network has no causal attention of heads.
  static var attentionLayout: AttentionLayout? { get }
}

/// The defaults, which most decoders share.
extension Family {
  package static var prefixes: [String] {
    ["model.", "", "language_model.model.", "model.language_model."]
  }
  package static var embeddingName: String { "embed_tokens.weight" }
  package static var blockName: String { "layers." }

  package static func unsupportedSettings(of object: JSONObject) -> [String] { [] }

  package static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    try model.embedding(model.tokens(input), "embed_tokens", of: model.configuration.vocabularySize)
  }

  package static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.logits(last(x, model), embedding: embeddingName)
  }

  package static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.rmsNorm(x, "norm")
  }

  package static var hasLogits: Bool { true }
  package static var storesInputsFirst: Bool { false }
  package static var startOfNormalizations: Float { 1 }
  package static var attentionLayout: AttentionLayout? { .separate("self_attn.") }

  /// Returns a message for each flag that is set and must not be.
  static func refused(_ flags: [String], in object: JSONObject) -> [String] {
    flags.filter { object[$0]?.asBool == true }.map { "\($0) is true, which is not supported" }
  }
}

/// The registry of families.
package enum Families {
  package static let all: [any Family.Type] = [
    Llama.self, Mistral.self, Mixtral.self, Qwen2.self, Qwen3.self, Phi3.self, Gemma2.self,
    Gemma3.self, GPT2.self, AttentionOnly.self, BERT.self, CLIPVision.self, OpenCLIPVision.self,
    Perceptron.self, FeaturePerceptron.self, ConvolutionalNetwork.self, ResidualNetwork.self,
  ]

  /// All supported values of `model_type`.
  package static var modelTypes: [String] { all.flatMap { $0.modelTypes } }

  /// The family with a model type; nil if there is none.
  package static func named(_ modelType: String) -> (any Family.Type)? {
    all.first { $0.modelTypes.contains(modelType) }
  }
}
