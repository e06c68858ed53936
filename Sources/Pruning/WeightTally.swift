import Base
package import Surveys
import TensorCore

/// What is left of a tensor, or of a group: how many weights, and their power sums.
package struct WeightTally: Sendable, Equatable {
  package var count = 0
  /// Of those that are left.
  package var zeros = 0
  package var powers = PowerSums()

  package init() {}

  package init(count: Int, zeros: Int, powers: PowerSums) {
    self.count = count
    self.zeros = zeros
    self.powers = powers
  }

  /// Of F32 values, those that are NaN left out.
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

  package func index(_ exponents: PQIndex) -> Double {
    exponents.value(count: count, powerSums: powers)
  }
}
