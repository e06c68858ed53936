import Glibc

/// The PQ Index of a vector of d magnitudes: 1 − d^(1/q − 1/p) · ‖w‖ₚ / ‖w‖_q, for 0 < p < q.
///
/// It is 0 when all magnitudes are equal, grows with sparsity and stays below 1. Scaling or repeating the
/// vector does not change it.
/// Source: Diao et al., "Pruning Deep Neural Networks from a Sparsity Perspective", ICLR 2023, definition 2.
package struct PQIndex: Sendable, Equatable {
  package let p: Double
  package let q: Double

  /// Creates an index with these exponents; nil unless 0 < p < q and both are finite.
  package init?(p: Double, q: Double) {
    guard p > 0, p < q, q.isFinite else { return nil }
    self.p = p
    self.q = q
  }

  /// The exponents p = ½ and q = 1, which are the defaults of the paper's pruning method.
  package static let standard = PQIndex(p: 0.5, q: 1)!

  /// Returns the index of `count` values from their sums of |w|ᵖ and |w|^q; 0 if there are no values or all
  /// are zero.
  ///
  /// A result below 0 comes from rounding errors and is returned as 0.
  package func value(count: Int, powerSums sums: PowerSums) -> Double {
    guard count > 0, sums.q > 0 else { return 0 }
    let d = Double(count)
    let means = pow(sums.p / d, 1 / p) / pow(sums.q / d, 1 / q)
    return means.isFinite ? max(0, 1 - means) : 0
  }

  /// Returns the share of values that the paper's theorem keeps:
  /// (1 + η)^(−q/(q−p)) · (1 − I)^(pq/(q−p)).
  package func keptShare(index: Double, eta: Double) -> Double {
    pow(1 + eta, -q / (q - p)) * pow(1 - index, p * q / (q - p))
  }
}
