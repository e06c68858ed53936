import Glibc
package import Surveys

/// How many weights SAP (sparsity-informed adaptive pruning) drops of a group.
///
/// In float32, in the order of operations of the official code, so that counts agree with it.
/// Source: Diao et al., ICLR 2023, theorem 1 and algorithm 1.
package struct SAP: Sendable, Equatable {
  package var exponents: PQIndex
  /// Bounds the p-norm of what is dropped relative to what is kept; at least 0.
  package var eta: Double
  /// Exaggerates the share that is dropped (over 1) or tempers it.
  package var gamma: Double
  /// The greatest share that one iteration drops, in (0, 1].
  package var beta: Double

  package init(
    exponents: PQIndex = .standard, eta: Double = 0, gamma: Double = 1, beta: Double = 0.9
  ) {
    self.exponents = exponents
    self.eta = eta
    self.gamma = gamma
    self.beta = beta
  }

  /// What is decided for a group in one iteration.
  package struct Decision: Sendable, Equatable {
    /// Weights that are left before it.
    package var count: Int
    package var index: Double
    /// m: how many the theorem keeps.
    package var bound: Int
    package var ratio: Double
    /// How many are to go; those that equal the smallest kept one stay as well.
    package var dropCount: Int

    package init(count: Int, index: Double, bound: Int, ratio: Double, dropCount: Int) {
      self.count = count
      self.index = index
      self.bound = bound
      self.ratio = ratio
      self.dropCount = dropCount
    }
  }

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
      count: count, index: Double(index), bound: Int(bound), ratio: Double(ratio),
      dropCount: min(count - 1, Int((d * ratio).rounded(.down))))
  }
}
