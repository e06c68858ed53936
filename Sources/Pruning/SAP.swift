import Glibc
package import Surveys

/// SAP, sparsity-informed adaptive pruning: the rule for the number of weights to drop from a group.
///
/// Computes in float32, in the order of operations of the official code, so that the counts agree with it.
/// Source: Diao et al., ICLR 2023, theorem 1 and algorithm 1.
package struct SAP: Sendable, Equatable {
  package var exponents: PQIndex
  /// The bound η on the p-norm of the dropped weights relative to the kept weights; at least 0.
  package var eta: Double
  /// The factor γ on the dropped share; more than 1 increases the share.
  package var gamma: Double
  /// The maximum share β that one iteration drops, in (0, 1].
  package var beta: Double

  package init(
    exponents: PQIndex = .standard, eta: Double = 0, gamma: Double = 1, beta: Double = 0.9
  ) {
    self.exponents = exponents
    self.eta = eta
    self.gamma = gamma
    self.beta = beta
  }

  /// The decision for a group in one iteration.
  package struct Decision: Sendable, Equatable {
    /// The number of remaining weights before the iteration.
    package var count: Int
    /// The PQ Index of the remaining weights.
    package var index: Double
    /// The number m of weights that the theorem keeps.
    package var bound: Int
    /// The share of the weights to drop.
    package var ratio: Double
    /// The number of weights to drop. Weights that equal the smallest kept weight are kept as well.
    package var dropCount: Int

    package init(count: Int, index: Double, bound: Int, ratio: Double, dropCount: Int) {
      self.count = count
      self.index = index
      self.bound = bound
      self.ratio = ratio
      self.dropCount = dropCount
    }
  }

  /// Returns the decision for a group of `count` remaining weights with these power sums.
  package func decision(count: Int, powerSums: PowerSums) -> Decision {
    let index = Float(exponents.value(count: count, powerSums: powerSums))
    guard count > 0, powerSums.q > 0 else {
      return Decision(count: count, index: 0, bound: count, ratio: 0, dropCount: 0)
    }
    let (p, q) = (exponents.p, exponents.q)
    let d = Float(count)
    let shrink = Float(pow(1 + eta, q / (p - q)))
    let kept = Float(pow(Double(1 - index), Double(Float(q * p / (q - p)))))
    let bound = (d * shrink * kept).rounded(.up)
    let ratio = max(0, min(Float(beta), Float(gamma) * (1 - bound / d)))
    return Decision(
      count: count, index: Double(index), bound: Int(exactly: bound) ?? count, ratio: Double(ratio),
      dropCount: min(count - 1, Int(exactly: (d * ratio).rounded(.down)) ?? 0))
  }
}
