/// A residual network of basic blocks for small images: a convolution without pooling, stages of blocks that halve the
/// size, then the mean of each channel and a linear layer. Names are those of torchvision.
///
/// Source: He et al., "Deep residual learning for image recognition", section 4.2, with the widths of section 3.4.
enum ResidualNetwork: Family {
  static let modelTypes = ["basic_resnet"]
  static let attentionLayout: AttentionLayout? = nil
  static let facts = ArchitectureFacts(activation: "relu", classifier: .residual)
  static let prefixes = [""]
  static let embeddingName = "fc.weight"
  static let blockName = "layer"

  static func embed<S: NetworkScalar>(
    _ input: NetworkInput<S>, _ model: Scope<S>
  ) throws -> Value<S> {
    let x = try model.convolution(
      model.examples(input), "conv1", to: model.classifier.widths[0])
    return try model.activatedNorm(x, "bn1")
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let (stage, index) = layer.classifier.place(ofBlock: layer.layer ?? 0)
    let width = layer.classifier.widths[stage]
    let stride = stage > 0 && index == 0 ? 2 : 1
    let block = layer.part("layer\(stage + 1).\(index).")
    let inner = try block.activatedNorm(
      block.convolution(x, "conv1", to: width, stride: stride), "bn1")
    let y = try block.convolution(inner, "conv2", to: width)
    let shortcut =
      stride == 1 && x.shape[1] == width
      ? x
      : try block.batchNorm(
        block.convolution(x, "downsample.0", to: width, kernel: 1, stride: stride), "downsample.1")
    return try block.activatedNorm(y, "bn2", adding: shortcut)
  }

  static func head<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.linear(last(x, model), "fc", to: model.classifier.classCount, hasBias: true)
  }

  static func last<S: NetworkScalar>(_ x: Value<S>, _ model: Scope<S>) throws -> Value<S> {
    try model.tape.apply(AveragePooling(kernel: nil), [x])
  }

  static let hasLogits = false
}
