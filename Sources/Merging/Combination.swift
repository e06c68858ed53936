import Base
import TensorCore

/// The computation that merges the tensors of one name, as it is planned before any value is read.
///
/// The operands are the base, if it has a role in the method, followed by the models.
package enum Combination: Sendable, Equatable {
  /// The only operand, multiplied by `scale` if it is not nil.
  case one(scale: Double?)
  /// Σ weight · operand, divided by the sum of the weights if `normalizes`.
  case weightedSum(weights: [Double], normalizes: Bool)
  /// Spherical interpolation between two operands, along the great circle through them.
  case slerp(t: Double)
  case taskVectors(TaskVectors)
}

/// A sum of task vectors: differences from a base that are trimmed, weighted, summed and added to the base.
package struct TaskVectors: Sendable, Equatable {
  /// The weight and the trim of one model's difference.
  package struct Vector: Sendable, Equatable {
    package var weight: Double
    package var trim: Trim
  }

  package var vectors: [Vector]
  /// True if a trimmed difference is scaled to the sum of magnitudes that it had before it was trimmed.
  package var rescales: Bool
  /// True if only the values with the sign of the weighted sum contribute.
  package var elects: Bool
  /// True if only the values with the sign of the plain sum contribute, whatever the weights are.
  package var electsPlainly = false
  /// True if the sum is divided by the sum of the weights that contribute.
  package var normalizes: Bool
  /// The factor of the sum when it is added to the base.
  package var lambda: Double
}

/// A rule that selects which values of a difference are kept.
package enum Trim: Sendable, Equatable {
  case all
  case nothing
  /// Keeps the largest ⌊density · n⌋ magnitudes, and never fewer than one.
  case largest(density: Double)
  /// Keeps the largest ⌊density · n⌋ + 1 magnitudes, and all that equal the last of them.
  case atLeast(density: Double)
  /// Drops the largest ⌊gamma · n⌋ magnitudes and keeps the next ⌊density · n⌋.
  ///
  /// If fewer values than that remain, it keeps the smallest ⌊density · n⌋.
  case afterLargest(density: Double, gamma: Double)
  /// Keeps each value with probability `density`.
  case random(density: Double)
  /// Keeps each value with a probability that grows with the rank of its magnitude in its row.
  case ranked(ClosedRange<Double>)

  /// True if the whole difference must be read before the values to keep are known.
  var needsRanks: Bool {
    switch self {
    case .largest, .atLeast, .afterLargest: true
    case .all, .nothing, .random, .ranked: false
    }
  }

  /// Returns the ranks, among `count` magnitudes in descending order, that the trim keeps.
  func kept(of count: Int) -> Range<Int> {
    switch self {
    case .all, .random, .ranked: return 0..<count
    case .nothing: return 0..<0
    case .largest(let density):
      return 0..<min(count, max(1, Self.share(density, of: count)))
    case .atLeast(let density): return 0..<min(count, Self.share(density, of: count) + 1)
    case .afterLargest(let density, let gamma):
      let kept = Self.share(density, of: count)
      let top = Self.share(gamma, of: count)
      // If too few remain after the largest, the smallest are kept instead.
      let bottom = max(0, count - kept - top)
      return count - bottom - kept..<count - bottom
    }
  }

  /// True if all magnitudes that equal the last kept one are kept too.
  var keepsTies: Bool { if case .atLeast = self { true } else { false } }

  private static func share(_ share: Double, of count: Int) -> Int {
    let share = min(1, max(0, share))
    return min(count, Int((share * Double(count)).rounded(.down)))  // fits: the share is at most 1
  }
}

/// A combination with every threshold and factor known; a merged tensor is computed with it.
enum SettledCombination: Sendable {
  case weightedSum(weights: [Float], divisor: Float)
  /// - Parameter zeroIsNegative: Whether negative values count where the plain sum of the kept values is 0, if only values
  ///   with the sign of the plain sum count; nil if the sum decides alone.
  case taskVectors(keeps: [Keep], zeroIsNegative: Bool?, Kernels.TaskVectorSum)

  /// The values of a difference that are kept.
  enum Keep: Sendable, Equatable {
    case all
    case nothing
    case range(MagnitudeRange)
    case random(density: Double)
    case ranked(ClosedRange<Double>)
  }
}

/// A range of float32 magnitudes, compared as bit patterns, with an end for each of its two bounds.
///
/// A magnitude that equals a bound is in the range only if its element comes before the end of that bound.
struct MagnitudeRange: Sendable, Equatable {
  var low: UInt32 = 0
  var lowEnd = Int.max
  var high: UInt32 = .max - 1
  var highEnd = Int.max
}
