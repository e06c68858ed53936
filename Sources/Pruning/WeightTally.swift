import Base
package import Surveys
import TensorCore

/// The number and the power sums of the remaining weights of a tensor or a group.
package struct WeightTally: Sendable, Equatable {
  package var count = 0
  /// The number of remaining weights that are 0.
  package var zeros = 0
  package var powers = PowerSums()

  package init() {}

  package init(count: Int, zeros: Int, powers: PowerSums) {
    self.count = count
    self.zeros = zeros
    self.powers = powers
  }

  /// Computes the tally of F32 values, ignoring NaN.
  init(_ values: borrowing RawSpan, _ exponents: PQIndex) {
    let sums = Kernels.best.sums(values, of: .f32)
    count = sums.count - sums.nans
    zeros = sums.zeros
    func sum(_ exponent: Double) -> Double {
      switch exponent {
      case 1: sums.magnitudeSum
      case 2: sums.squareSum
      default: Kernels.best.powerSum(values, p: exponent)
      }
    }
    powers = PowerSums(p: sum(exponents.p), q: sum(exponents.q))
  }

  package mutating func merge(_ next: WeightTally) {
    count += next.count
    zeros += next.zeros
    powers.merge(next.powers)
  }

  /// Returns the PQ Index of the remaining weights.
  package func index(_ exponents: PQIndex) -> Double {
    exponents.value(count: count, powerSums: powers)
  }
}
