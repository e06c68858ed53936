/// A multilayer perceptron: linear layers with an activation between them.
enum Perceptron: Family {
  static let modelTypes = ["mlp"]
  static let attentionLayout: AttentionLayout? = nil
  static let facts = ArchitectureFacts(activation: "relu", classifier: .perceptron)
  static let prefixes = [""]
  static let embeddingName = "linear.weight"
  static let blockName = "blocks."

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    try model.tape.apply(Flatten(), [model.examples(input)])
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let index = layer.layer ?? 0
    // Every second module of the sequence is the activation.
    return try layer.activation(
      layer.part("blocks.").linear(
        x, "\(2 * index)", to: layer.classifier.widths[index], hasBias: true))
  }

  static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.linear(x, "linear", to: model.classifier.classCount, hasBias: true)
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> { x }

  static let hasLogits = false
}
