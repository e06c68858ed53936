import TensorCore

/// The means and biased variances of the channels of a value `[images, channels, …]`.
package struct BatchMoments: Sendable {
  package let means: [Double]
  package let variances: [Double]
  /// The number of values of a channel.
  package let count: Int

  /// Computes the moments, in the type of the values; none if memory is only counted.
  /// - Complexity: O(values), with all workers.
  package init<S: NetworkScalar>(of x: Value<S>, _ compute: Compute) throws {
    let layout = ImageChannels(x.shape)
    count = layout.count
    guard !compute.arena.isCounting else {
      (means, variances) = ([], [])
      return
    }
    let moments = try compute.map(layout.channels) { channel in
      // SAFETY: numbers have no padding.
      Kernels.best.moments(
        of: channel, layout, unsafe x.span.bytes, isDouble: S.self == Double.self)
    }
    means = moments.map(\.mean)
    variances = moments.map(\.variance)
  }

  /// Returns running mean and variance after a batch: (1 − momentum) · old + momentum · new, with the unbiased variance
  /// of the batch, which must have at least two numbers in each channel.
  package func running<S: NetworkScalar>(
    _ mean: [S], _ variance: [S], momentum: Double
  ) -> (mean: [S], variance: [S]) {
    let share = S(momentum)
    var result = (mean: mean, variance: variance)
    for channel in mean.indices {
      let unbiased = S(variances[channel]) * S(count) / S(count - 1)
      result.mean[channel] += share * (S(means[channel]) - result.mean[channel])
      result.variance[channel] += share * (unbiased - result.variance[channel])
    }
    return result
  }
}
