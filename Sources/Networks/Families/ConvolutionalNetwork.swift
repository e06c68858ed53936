/// A small convolutional network: stages of convolution, batch normalization, activation and pooling, then the mean of
/// each channel and a linear layer.
///
/// Source: the network `conv` of Diao et al., "Pruning deep neural networks from a sparsity perspective".
enum ConvolutionalNetwork: Family {
  static let modelTypes = ["convnet"]
  static let attentionLayout: AttentionLayout? = nil
  static let facts = ArchitectureFacts(activation: "relu", classifier: .convolutional)
  static let prefixes = [""]
  static let embeddingName = "linear.weight"
  static let blockName = "blocks."

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> { try model.examples(input) }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let (index, widths) = (layer.layer ?? 0, layer.classifier.widths)
    let blocks = layer.part("blocks.")
    // Each stage is four modules of the sequence.
    let mixed = try blocks.convolution(x, "\(4 * index)", to: widths[index], hasBias: true)
    let y = try blocks.activatedNorm(mixed, "\(4 * index + 1)")
    guard index + 1 < widths.count else { return y }
    return try blocks.tape.apply(MaxPooling(kernel: 2, stride: 2), [y])
  }

  static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.linear(last(x, model), "linear", to: model.classifier.classCount, hasBias: true)
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.tape.apply(AveragePooling(kernel: nil), [x])
  }

  static let hasLogits = false
}
