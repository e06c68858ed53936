import Base

/// The layers of classifiers of images.
extension Scope {
  /// The sizes of the classifier.
  var classifier: ClassifierSettings {
    guard let settings = configuration.classifier else {
      preconditionFailure("the facts of the family say that it is a classifier")
    }
    return settings
  }

  /// Returns the examples of an input, shape `[examples, …]`.
  /// - Throws: ``UsageError`` if the input has another kind or shape.
  func examples(_ input: NetworkInput<Scalar>) throws -> Value<Scalar> {
    let shape = [windows.sequenceCount] + classifier.inputShape
    guard case .images(let examples) = input, examples.shape == shape else {
      throw UsageError(
        "a model of type '\(configuration.modelType)' reads examples of the shape \(shape)")
    }
    return examples
  }

  /// Returns the scope of another part of the network, whose names start with `prefix`.
  func part(_ prefix: String) -> Scope {
    Scope(run, run.network.prefix + prefix, layer: layer)
  }

  /// Returns a convolution with a square kernel, padded so that stride 1 keeps the size.
  func convolution(
    _ x: Value<Scalar>, _ name: String, to width: Int, kernel: Int = 3, stride: Int = 1,
    hasBias: Bool = false
  ) throws -> Value<Scalar> {
    let weight = try parameter(name + ".weight", width, x.shape[1], kernel, kernel)
    let bias = hasBias ? [try parameter(name + ".bias", width)] : []
    return try tape.apply(
      Convolution(
        stride: stride, padding: kernel / 2, isSparse: weight.pattern?.isSparse == true), [x],
      [weight] + bias)
  }

  /// Returns the activation of the sum of `added`, if there is one, and x normalized as `batchNorm` does.
  func activatedNorm(
    _ x: Value<Scalar>, _ name: String, adding added: Value<Scalar>? = nil
  ) throws -> Value<Scalar> {
    if configuration.activation == .relu {
      return try batchNorm(x, name, adding: added, rectifies: true)
    }
    let y = try batchNorm(x, name)
    return try activation(added.map { try sum(y, $0) } ?? y)
  }

  /// Returns x normalized by the statistics of the batch in training, and by running ones otherwise, with the sum and the
  /// rectification of ``BatchNorm``.
  func batchNorm(
    _ x: Value<Scalar>, _ name: String, adding added: Value<Scalar>? = nil, rectifies: Bool = false
  ) throws -> Value<Scalar> {
    let channels = x.shape[1]
    let weights = try [".weight", ".bias"].map { try parameter(name + $0, channels) }
    let statistics = try Network<Scalar>.statisticNames.map {
      try parameter(name + "." + $0, channels)
    }
    let inputs = [x] + (added.map { [$0] } ?? [])
    guard let observe = run.observer.batch else {
      return try tape.apply(
        BatchNorm(epsilon: configuration.epsilon, isTraining: false, rectifies: rectifies), inputs,
        weights + statistics)
    }
    let moments = try BatchMoments(of: x, tape.compute)
    try observe(prefix + name + ".", moments)
    return try tape.apply(
      BatchNorm(
        epsilon: configuration.epsilon, isTraining: true, rectifies: rectifies, moments: moments),
      inputs, weights)
  }
}

extension Network {
  /// The names of the running statistics of a batch normalization, which are not trained.
  package static var statisticNames: [String] { ["running_mean", "running_var"] }
}
