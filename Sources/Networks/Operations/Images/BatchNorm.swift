import TensorCore

/// Batch normalization: y = (x − mean) / √(variance + ε) · w + b for each channel, and what often follows it: the sum with
/// a second input, which must be another value, and max(0, y).
///
/// Inputs `[images, channels, …]`. In training, weights w, b `[channels]`, and mean and biased variance are those of the
/// batch; otherwise weights w, b, the running mean and the running variance, each `[channels]`. Results have the same bits
/// as those of separate operations. Source: Ioffe and Szegedy, "Batch normalization".
package struct BatchNorm: Operation {
  package static let name = "batch_norm"
  package var setsInputGradients: Bool { true }

  package let epsilon: Double
  package let isTraining: Bool
  /// True to replace results below 0 by 0.
  package let rectifies: Bool
  /// The moments of the batch in training; nil to compute them in both passes.
  private let moments: BatchMoments?

  package init(
    epsilon: Double, isTraining: Bool, rectifies: Bool = false, moments: BatchMoments? = nil
  ) {
    self.epsilon = epsilon
    self.isTraining = isTraining
    self.rectifies = rectifies
    self.moments = moments
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard (1...2).contains(inputs.count), inputs.allSatisfy({ $0 == inputs[0] }),
      weights.count == (isTraining ? 2 : 4), inputs[0].count >= 2,
      weights.allSatisfy({ $0 == [inputs[0][1]] }), !inputs[0].contains(0)
    else {
      throw ShapeFault(
        Self.name,
        "expected one or two x [n, channels, …] and \(isTraining ? 2 : 4) weights [channels]",
        inputs, weights)
    }
    return inputs[0]
  }

  /// The numbers that both passes read.
  private struct Numbers<S: NetworkScalar>: Sendable {
    let weights: [Value<S>]
    let moments: BatchMoments?
    let epsilon: S

    /// Returns mean, 1 / √(variance + ε), scale and shift of a channel.
    func normalization(_ channel: Int) -> Normalization {
      let (mean, variance) =
        moments.map { (S($0.means[channel]), S($0.variances[channel])) }
        ?? (number(2, channel), number(3, channel))
      return Normalization(
        mean: Double(mean), factor: Double(1 / (variance + epsilon).squareRoot()),
        scale: Double(number(0, channel)), shift: Double(number(1, channel)))
    }

    private func number(_ index: Int, _ channel: Int) -> S {
      let weight = weights[index]
      return weight.span[channel]
    }
  }

  private func numbers<S: NetworkScalar>(
    _ x: Value<S>, _ weights: [any Parameter<S>], _ compute: Compute
  ) throws -> Numbers<S> {
    let moments = try isTraining ? self.moments ?? BatchMoments(of: x, compute) : nil
    return Numbers(
      weights: try weights.map { try compute.whole($0) }, moments: moments, epsilon: S(epsilon))
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let x = pass.inputs[0]
    let added = pass.inputs.count > 1 ? pass.inputs[1] : nil
    precondition(added !== x)
    let numbers = try numbers(x, pass.weights, pass.compute)
    let layout = ImageChannels(pass.output.shape)
    try pass.compute.forEach(layout.channels) { channel in
      var y = pass.output.mutableSpan
      // SAFETY of this and the other uses of bytes: numbers have no padding.
      var bytes = unsafe y.mutableBytes
      Kernels.best.normalize(
        channel, layout, unsafe x.span.bytes, numbers.normalization(channel),
        added: unsafe added?.span.bytes, rectifies: rectifies, into: &bytes,
        isDouble: S.self == Double.self)
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let numbers = try numbers(pass.inputs[0], pass.weights, pass.compute)
    let layout = ImageChannels(pass.gradient.shape)
    try pass.compute.forEach(layout.channels) { channel in
      let slopes = addedSlopes(pass, channel, layout)
      addSlopes(
        pass, channel, layout, numbers.normalization(channel), slopes: slopes ?? pass.gradient,
        outputs: rectifies && slopes == nil ? pass.output : nil)
    }
  }

  /// Sets or adds the gradient of the second input for a channel.
  /// - Returns: The rectified slopes of the channel, if they are now that gradient.
  private func addedSlopes<S: NetworkScalar>(
    _ pass: BackwardPass<S>, _ channel: Int, _ layout: ImageChannels
  ) -> Value<S>? {
    guard pass.inputs.count > 1, let target = pass.inputGradients[1] else { return nil }
    var sums = target.mutableSpan
    var bytes = unsafe sums.mutableBytes
    // Without rectification all slopes count, as if the output were positive.
    if rectifies {
      Kernels.best.rectifiedSlopes(
        of: channel, layout, unsafe pass.gradient.span.bytes,
        outputs: unsafe pass.output.span.bytes, into: &bytes, isAdding: !pass.areNew[1],
        isDouble: S.self == Double.self)
      return pass.areNew[1] ? target : nil
    }
    let gradient = pass.gradient.span
    for image in 0..<layout.images {
      let start = (image * layout.channels + channel) * layout.size
      sums.update(start..<start + layout.size, isAdding: !pass.areNew[1]) {
        gradient.lanes($0, end: start + layout.size)
      }
    }
    return nil
  }

  /// Adds to the gradients of the weights, and sets or adds the gradient of x, for a channel.
  private func addSlopes<S: NetworkScalar>(
    _ pass: BackwardPass<S>, _ channel: Int, _ layout: ImageChannels,
    _ normalization: Normalization, slopes: Value<S>, outputs: Value<S>?
  ) {
    let (x, isDouble) = (pass.inputs[0], S.self == Double.self)
    let found = Kernels.best.normalSums(
      of: channel, layout, unsafe x.span.bytes, slopes: unsafe slopes.span.bytes,
      outputs: unsafe outputs?.span.bytes, normalization, isDouble: isDouble)
    let (sum, product) = (S(found.sum), S(found.product))
    if let target = pass.weightGradients[0] {
      var dw = target.mutableSpan
      dw[channel] += product
    }
    if let target = pass.weightGradients[1] {
      var db = target.mutableSpan
      db[channel] += sum
    }
    let (factor, w) = (S(normalization.factor), S(normalization.scale))
    if !isTraining {
      addStatistics(pass, channel, sum: sum * factor * w, product: product * factor * factor * w)
    }
    guard let target = pass.inputGradients[0] else { return }
    var dx = target.mutableSpan
    var bytes = unsafe dx.mutableBytes
    // dx = r w (g − mean(g) − n mean(g n)), n = (x − mean) r; without the means if the statistics are given.
    var numbers = normalization
    if isTraining {
      numbers.offset = Double(sum / S(layout.count))
      numbers.share = Double(product / S(layout.count) * factor)
    }
    Kernels.best.normalSlopes(
      of: channel, layout, unsafe x.span.bytes, slopes: unsafe slopes.span.bytes,
      outputs: unsafe outputs?.span.bytes, numbers, into: &bytes, isAdding: !pass.areNew[0],
      isDouble: isDouble)
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
    OperationExample(
      BatchNorm(epsilon: 1e-5, isTraining: true, rectifies: true), [[3, 2, 5, 4]],
      weights: [[2], [2]]),
    OperationExample(
      BatchNorm(epsilon: 1e-5, isTraining: true, rectifies: true), [[4, 3, 17], [4, 3, 17]],
      weights: [[3], [3]]),
    OperationExample(
      BatchNorm(epsilon: 1e-5, isTraining: true), [[2, 2, 3], [2, 2, 3]], weights: [[2], [2]]),
    OperationExample(
      BatchNorm(epsilon: 2, isTraining: false, rectifies: true), [[2, 3, 4], [2, 3, 4]],
      weights: [[3], [3], [3], [3]]),
  ]
}
