import TensorCore

/// Batch normalization: y = (x − mean) / √(variance + ε) · w + b for each channel.
///
/// Input `[images, channels, …]`. In training, weights w, b `[channels]`, and mean and biased variance are those of the
/// batch; otherwise weights w, b, the running mean and the running variance, each `[channels]`. Source: Ioffe and Szegedy, "Batch normalization".
package struct BatchNorm: Operation {
  package static let name = "batch_norm"

  package let epsilon: Double
  package let isTraining: Bool

  package init(epsilon: Double, isTraining: Bool) {
    self.epsilon = epsilon
    self.isTraining = isTraining
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.count == (isTraining ? 2 : 4), inputs[0].count >= 2,
      weights.allSatisfy({ $0 == [inputs[0][1]] }), !inputs[0].contains(0)
    else {
      throw ShapeFault(
        Self.name, "expected x [n, channels, …] and \(isTraining ? 2 : 4) weights [channels]",
        inputs, weights)
    }
    return inputs[0]
  }

  /// Returns running mean and variance after a batch: (1 − momentum) · old + momentum · new, with the unbiased variance
  /// of the batch.
  /// - Parameter x: The input of the operation, with at least two numbers in each channel.
  package static func running<S: NetworkScalar>(
    _ mean: [S], _ variance: [S], after x: Value<S>, momentum: Double, _ compute: Compute
  ) throws -> (mean: [S], variance: [S]) {
    let layout = ImageChannels(x.shape)
    let moments = try compute.map(layout.channels) { channel in
      Kernels.best.moments(
        of: channel, layout, unsafe x.span.bytes, isDouble: S.self == Double.self)
    }
    let share = S(momentum)
    var result = (mean: mean, variance: variance)
    for channel in mean.indices {
      let unbiased = S(moments[channel].variance) * S(layout.count) / S(layout.count - 1)
      result.mean[channel] += share * (S(moments[channel].mean) - result.mean[channel])
      result.variance[channel] += share * (unbiased - result.variance[channel])
    }
    return result
  }

  /// Returns the mean and 1 / √(variance + ε) of a channel.
  private func statistics<S: NetworkScalar>(
    _ x: Value<S>, _ channel: Int, _ layout: ImageChannels, _ weights: [Value<S>]
  ) -> (mean: S, factor: S) {
    var moments: (mean: S, variance: S)
    if isTraining {
      // SAFETY of this and the other uses of bytes: numbers have no padding.
      let found = Kernels.best.moments(
        of: channel, layout, unsafe x.span.bytes, isDouble: S.self == Double.self)
      moments = (S(found.mean), S(found.variance))
    } else {
      let (mean, variance) = (weights[2], weights[3])
      moments = (mean.span[channel], variance.span[channel])
    }
    return (moments.mean, 1 / (moments.variance + S(epsilon)).squareRoot())
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let weights = try pass.weights.map { try pass.compute.whole($0) }
    let (scale, shift) = (weights[0], weights[1])
    let layout = ImageChannels(pass.output.shape)
    try pass.compute.forEach(layout.channels) { channel in
      let x = pass.inputs[0]
      var y = pass.output.mutableSpan
      var bytes = unsafe y.mutableBytes
      let (mean, factor) = statistics(x, channel, layout, weights)
      Kernels.best.normalize(
        channel, layout, unsafe x.span.bytes, mean: Double(mean), factor: Double(factor),
        scale: Double(scale.span[channel]), shift: Double(shift.span[channel]), into: &bytes,
        isDouble: S.self == Double.self)
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let weights = try pass.weights.map { try pass.compute.whole($0) }
    let scale = weights[0]
    let layout = ImageChannels(pass.gradient.shape)
    let isDouble = S.self == Double.self
    try pass.compute.forEach(layout.channels) { channel in
      let (x, gradient) = (pass.inputs[0], pass.gradient)
      let (mean, factor) = statistics(x, channel, layout, weights)
      let found = Kernels.best.normalSums(
        of: channel, layout, unsafe x.span.bytes, slopes: unsafe gradient.span.bytes,
        mean: Double(mean), factor: Double(factor), isDouble: isDouble)
      let (sum, product) = (S(found.sum), S(found.product))
      if let target = pass.weightGradients[0] {
        var dw = target.mutableSpan
        dw[channel] += product
      }
      if let target = pass.weightGradients[1] {
        var db = target.mutableSpan
        db[channel] += sum
      }
      let w = scale.span[channel]
      if !isTraining {
        addStatistics(pass, channel, sum: sum * factor * w, product: product * factor * factor * w)
      }
      guard let target = pass.inputGradients[0] else { return }
      var dx = target.mutableSpan
      var bytes = unsafe dx.mutableBytes
      // dx = r w (g − mean(g) − n mean(g n)), n = (x − mean) r; without the means if the statistics are given.
      let offset = isTraining ? sum / S(layout.count) : 0
      let share = isTraining ? product / S(layout.count) * factor : 0
      Kernels.best.addNormalSlopes(
        of: channel, layout, unsafe x.span.bytes, slopes: unsafe gradient.span.bytes,
        mean: Double(mean), offset: Double(offset), share: Double(share), factor: Double(factor),
        scale: Double(scale.span[channel]), to: &bytes, isDouble: isDouble)
    }
  }

  /// Adds the gradients of the running mean, −Σ g r w, and of the running variance, −½ Σ g n r² w.
  private func addStatistics<S: NetworkScalar>(
    _ pass: BackwardPass<S>, _ channel: Int, sum: S, product: S
  ) {
    if let target = pass.weightGradients[2] {
      var gradient = target.mutableSpan
      gradient[channel] -= sum
    }
    if let target = pass.weightGradients[3] {
      var gradient = target.mutableSpan
      gradient[channel] -= product / 2
    }
  }

  package static let examples = [
    OperationExample(
      BatchNorm(epsilon: 1e-5, isTraining: true), [[3, 2, 4, 3]], weights: [[2], [2]]),
    OperationExample(BatchNorm(epsilon: 1e-1, isTraining: true), [[2, 1]], weights: [[1], [1]]),
    OperationExample(
      BatchNorm(epsilon: 1e-5, isTraining: true), [[5, 3, 19]], weights: [[3], [3]]),
  ]
}
