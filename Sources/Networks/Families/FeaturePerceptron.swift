import Base

/// A small encoder of features: linear, normalization, activation, linear, activation, and a projection without a bias.
///
/// The output is the features of each example, shape `[examples, features]`. It stands for the image encoder of CLIP in
/// small experiments, and `num_labels` of its configuration is the number of features.
enum FeaturePerceptron: Family {
  static let modelTypes = ["mlp_encoder"]
  static let attentionLayout: AttentionLayout? = nil
  static let facts = ArchitectureFacts(activation: "gelu", classifier: .encoder)
  static let prefixes = ["", "model."]
  static let embeddingName = "fc1.weight"
  static let blockName = "blocks."

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    try model.tape.apply(Flatten(), [model.examples(input)])
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let index = layer.layer ?? 0
    let model = layer.part("")
    let y = try model.linear(
      x, "fc\(index + 1)", to: layer.classifier.widths[index], hasBias: true)
    return try model.activation(index == 0 ? model.layerNorm(y, "norm") : y)
  }

  static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.linear(x, "proj", to: model.classifier.classCount)
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> { x }

  static let hasLogits = false
}
