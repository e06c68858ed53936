import Base
import TensorCore

/// What is computed of the tensors of one name, before values have been seen.
///
/// Operands are the base, where it has a role, and then the models.
package enum Combination: Sendable, Equatable {
  /// The one operand, times a number if there is one.
  case one(scale: Double?)
  /// Σ weight · operand, over the sum of weights if `normalizes`.
  case weightedSum(weights: [Double], normalizes: Bool)
  /// Between two operands on the great circle through them.
  case slerp(t: Double)
  case taskVectors(TaskVectors)
}

/// A base and what is added to it: differences from it, trimmed, weighted and summed.
package struct TaskVectors: Sendable, Equatable {
  package struct Vector: Sendable, Equatable {
    package var weight: Double
    package var trim: Trim
  }

  package var vectors: [Vector]
  /// Whether a trimmed difference is scaled to the sum of magnitudes that it had.
  package var rescales: Bool
  /// Whether only values count whose sign is that of the weighted sum.
  package var elects: Bool
  /// Whether the sum is divided by the weights that count.
  package var normalizes: Bool
  package var lambda: Double
}

/// What is left of a difference.
package enum Trim: Sendable, Equatable {
  case all
  case nothing
  /// The largest ⌊density · n⌋ magnitudes, at least one.
  case largest(density: Double)
  /// ⌊density · n⌋ magnitudes behind the largest ⌊gamma · n⌋, as far as there are so many.
  case behindLargest(density: Double, gamma: Double)
  /// Each value by chance.
  case random(density: Double)
  /// Each value by a chance that grows with the rank of its magnitude in its row.
  case ranked(ClosedRange<Double>)

  /// Whether all of it is read before it is known what stays.
  var needsRanks: Bool {
    switch self {
    case .largest, .behindLargest: true
    case .all, .nothing, .random, .ranked: false
    }
  }

  /// Of `count` magnitudes, in descending order, the places that are kept.
  func kept(of count: Int) -> Range<Int> {
    switch self {
    case .all, .random, .ranked: return 0..<count
    case .nothing: return 0..<0
    case .largest(let density):
      return 0..<min(count, max(1, Self.share(density, of: count)))
    case .behindLargest(let density, let gamma):
      let kept = Self.share(density, of: count)
      let top = Self.share(gamma, of: count)
      // Where too few are left behind the largest, the smallest are kept instead.
      let bottom = max(0, count - kept - top)
      return count - bottom - kept..<count - bottom
    }
  }

  private static func share(_ share: Double, of count: Int) -> Int {
    min(count, Int((min(1, max(0, share)) * Double(count)).rounded(.down)))
  }
}

/// What is computed when all is known: what a merged tensor is read by.
enum SettledCombination: Sendable {
  case weightedSum(weights: [Float], divisor: Float)
  case taskVectors(keeps: [Keep], Kernels.TaskVectorSum)

  /// What is left of a difference.
  enum Keep: Sendable, Equatable {
    case all
    case nothing
    case range(MagnitudeRange)
    case random(density: Double)
    case ranked(ClosedRange<Double>)
  }
}

/// The magnitudes of float32, as bits, between two; of those that equal one of them only those of
/// elements before a place.
struct MagnitudeRange: Sendable, Equatable {
  var low: UInt32 = 0
  var lowEnd = Int.max
  var high: UInt32 = .max - 1
  var highEnd = Int.max
}
