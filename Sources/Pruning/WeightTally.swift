import CKernels
package import Statistics
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
    let moments = Kernels.best.moments(values, of: .f32)
    count = Int(moments.count - moments.nans)
    zeros = Int(moments.zeros)
    func sum(_ exponent: Double) -> Double {
      switch exponent {
      case 1: moments.sum_abs
      case 2: moments.sum_squares
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

/// Weights that are NaN or infinite.
struct NonfiniteTally: Sendable {
  private(set) var count = 0
  private(set) var first: Int?
  private(set) var isNaN = false

  /// Looks through values of which the first has flat index `start`.
  mutating func add(_ values: borrowing RawSpan, start: Int) {
    guard let place = Kernels.best.firstNotFinite(values) else { return }
    for index in place..<values.byteCount / 4 {
      let value = Float(bitPattern: values.littleEndian(UInt32.self, at: 4 * index)!)
      guard !value.isFinite else { continue }
      count += 1
      if first == nil || start + index < first! { (first, isNaN) = (start + index, value.isNaN) }
    }
  }

  mutating func merge(_ other: NonfiniteTally) {
    count += other.count
    guard let theirs = other.first, first == nil || theirs < first! else { return }
    (first, isNaN) = (theirs, other.isNaN)
  }
}
