import Glibc
package import Networks

/// A mean with its standard error, √((mean x² − (mean x)²) / (n − 1)).
package struct Estimate: Sendable, Equatable {
  /// The estimated number.
  package var figure: Double
  /// NaN for fewer than two samples.
  package var error: Double

  package init(_ figure: Double, error: Double) { (self.figure, self.error) = (figure, error) }

  /// Creates the mean of `samples` with its standard error.
  package init(meanOf samples: [Double]) {
    let count = Double(samples.count)
    figure = samples.reduce(0, +) / count
    let square = samples.reduce(0) { $0 + $1 * $1 } / count
    error = (max(0, square - figure * figure) / (count - 1)).squareRoot()
  }
}

/// Places of a sorted list.
package struct Distribution: Sendable, Equatable {
  private let sorted: [Double]

  package init(_ values: [Double]) { sorted = values.sorted() }

  package var minimum: Double { sorted.first ?? .nan }
  package var maximum: Double { sorted.last ?? .nan }
  package var median: Double { percentile(0.5) }

  /// The value at place f (n − 1) of the sorted list, linear between neighbours.
  package func percentile(_ fraction: Double) -> Double {
    guard !sorted.isEmpty else { return .nan }
    let place = fraction * Double(sorted.count - 1)
    let low = min(sorted.count - 1, Int(place))  // fits: the place is from 0 to n − 1
    let high = min(sorted.count - 1, low + 1)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }
}

/// The perplexity of a model.
package struct Perplexity: Sendable, Equatable {
  /// The mean of −log p over the scored tokens, in nats.
  package let loss: Estimate
  /// exp(loss), with the error of the loss times it.
  package var perplexity: Estimate {
    let value = exp(loss.figure)
    return Estimate(value, error: value * loss.error)
  }
  package let tokenCount: Int

  package init(_ scores: [TokenScore]) {
    loss = Estimate(meanOf: scores.map { -$0.logProbability })
    tokenCount = scores.count
  }
}

/// Statistics of the comparison of two models over many tokens.
///
/// Source: the definitions of llama.cpp's perplexity tool, computed over all scored tokens.
package struct ComparisonStatistics: Sendable, Equatable {
  package let base: Perplexity
  package let other: Perplexity
  /// The mean of log ppl(other) − log ppl(base), with the error that takes their correlation into account.
  package let logRatio: Estimate
  /// The correlation of the losses of both models; NaN if one is constant.
  package let correlation: Double
  /// The mean Kullback–Leibler divergence of a token, in nats.
  package let divergence: Estimate
  package let divergences: Distribution
  /// The share of tokens for which both models have the same most probable token.
  package let sameTop: Estimate
  /// The change of the probability of the right token.
  package let probabilityChange: Estimate
  package let probabilityChanges: Distribution
  /// The root of the mean square of that change.
  package let probabilityRMS: Estimate

  package init(_ tokens: [TokenComparison]) {
    base = Perplexity(tokens.map(\.base))
    other = Perplexity(tokens.map(\.other))
    let count = Double(tokens.count)
    let product =
      tokens.reduce(0) { $0 + $1.base.logProbability * $1.other.logProbability } / count
    let covariance = (product - base.loss.figure * other.loss.figure) / (count - 1)
    let (first, second) = (base.loss.error, other.loss.error)
    logRatio = Estimate(
      other.loss.figure - base.loss.figure,
      error: max(0, first * first + second * second - 2 * covariance).squareRoot())
    correlation = covariance / (first * second)
    let divergences = tokens.map(\.divergence)
    divergence = Estimate(meanOf: divergences)
    self.divergences = Distribution(divergences)
    let share = Double(tokens.count { $0.base.top == $0.other.top }) / count
    sameTop = Estimate(share, error: (share * (1 - share) / (count - 1)).squareRoot())
    let changes = tokens.map { exp($0.other.logProbability) - exp($0.base.logProbability) }
    probabilityChange = Estimate(meanOf: changes)
    probabilityChanges = Distribution(changes)
    let squares = Estimate(meanOf: changes.map { $0 * $0 })
    let rms = squares.figure.squareRoot()
    probabilityRMS = Estimate(rms, error: rms == 0 ? 0 : 0.5 / rms * squares.error)
  }
}
