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
    _ mean: [S], _ variance: [S], after x: Value<S>, momentum: Double
  ) -> (mean: [S], variance: [S]) {
    let part = ChannelParts(x.shape)
    let span = x.span
    let share = S(momentum)
    var result = (mean: mean, variance: variance)
    for channel in mean.indices {
      let (mean, biased) = part.moments(span, channel)
      let unbiased = biased * S(part.count) / S(part.count - 1)
      result.mean[channel] += share * (mean - result.mean[channel])
      result.variance[channel] += share * (unbiased - result.variance[channel])
    }
    return result
  }

  /// Returns the mean and 1 / √(variance + ε) of a channel.
  private func statistics<S: NetworkScalar>(
    _ x: Span<S>, _ channel: Int, _ parts: ChannelParts, _ weights: [Value<S>]
  ) -> (mean: S, factor: S) {
    var moments: (mean: S, variance: S)
    if isTraining {
      moments = parts.moments(x, channel)
    } else {
      let (mean, variance) = (weights[2], weights[3])
      moments = (mean.span[channel], variance.span[channel])
    }
    return (moments.mean, 1 / (moments.variance + S(epsilon)).squareRoot())
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let weights = try pass.weights.map { try pass.compute.whole($0) }
    let (scale, shift) = (weights[0], weights[1])
    let parts = ChannelParts(pass.output.shape)
    try pass.compute.forEach(parts.channels) { channel in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      let (mean, factor) = statistics(x, channel, parts, weights)
      let (w, b) = (scale.span[channel], shift.span[channel])
      for range in parts.ranges(channel) {
        y.fill(range) { (x.lanes($0, end: range.upperBound) - mean) * factor * w + b }
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let weights = try pass.weights.map { try pass.compute.whole($0) }
    let scale = weights[0]
    let parts = ChannelParts(pass.gradient.shape)
    try pass.compute.forEach(parts.channels) { channel in
      let (x, gradient) = (pass.input(0), pass.gradient.span)
      let (mean, factor) = statistics(x, channel, parts, weights)
      var (sum, product) = (S(0), S(0))
      for range in parts.ranges(channel) {
        sum += gradient.sum(range)
        product += gradient.sum(range) { g, index in
          g * (x.lanes(index, end: range.upperBound) - mean) * factor
        }
      }
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
      // dx = r w (g − mean(g) − n mean(g n)), n = (x − mean) r; without the means if the statistics are given.
      let offset = isTraining ? sum / S(parts.count) : 0
      let share = isTraining ? product / S(parts.count) * factor : 0
      for range in parts.ranges(channel) {
        dx.add(range) {
          (gradient.lanes($0, end: range.upperBound) - offset
            - (x.lanes($0, end: range.upperBound) - mean) * share) * factor * w
        }
      }
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

/// The places of each channel in a value `[images, channels, …]`.
struct ChannelParts: Sendable {
  let images: Int
  let channels: Int
  /// The number of numbers of a channel in an image.
  let size: Int

  init(_ shape: [Int]) {
    (images, channels) = (shape[0], shape[1])
    size = shape.dropFirst(2).reduce(1, *)
  }

  /// The number of numbers of a channel in all images.
  var count: Int { images * size }

  func ranges(_ channel: Int) -> [Range<Int>] {
    (0..<images).map { image in
      let start = (image * channels + channel) * size
      return start..<start + size
    }
  }

  /// Returns the mean and the biased variance of a channel.
  @inline(__always)
  func moments<S: NetworkScalar>(_ x: Span<S>, _ channel: Int) -> (mean: S, variance: S) {
    let ranges = ranges(channel)
    var total: S = 0
    for range in ranges { total += x.sum(range) }
    let mean = total / S(count)
    var squares: S = 0
    for range in ranges {
      squares += x.sum(range) { x, index in
        let rest = range.upperBound - index
        var difference = x - mean
        if rest < Lanes.count { for lane in rest..<Lanes.count { difference[lane] = 0 } }
        return difference * difference
      }
    }
    return (mean, squares / S(count))
  }
}
