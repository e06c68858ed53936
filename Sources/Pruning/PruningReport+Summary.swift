import Checkpoints
import TensorCore

extension PruningReport {
  /// The weights in scope together.
  package struct Summary: Sendable, Equatable {
    package var weightCount: Int
    /// The numbers of weights that are not pruned.
    package var countBefore: Int
    package var countAfter: Int
    /// The PQ Index of the weights before and after.
    package var indexBefore: Double
    package var indexAfter: Double
    /// The share of the sum of squares that the pruned weights had, and its root; nil unless it was measured.
    package var energyLost: Double?
    package var relativeError: Double?

    /// The share of the weights in scope that are pruned.
    package var prunedShare: Double {
      weightCount == 0 ? 0 : 1 - Double(countAfter) / Double(weightCount)
    }
  }

  package var summary: Summary {
    let (before, after) = outcome.total
    let loss = totalLoss
    return Summary(
      weightCount: outcome.readings.reduce(0) { $0 + $1.tensor.info.elementCount },
      countBefore: before.count, countAfter: after.count,
      indexBefore: before.index(exponents), indexAfter: after.index(exponents),
      energyLost: loss?.energy, relativeError: loss?.relative)
  }
}
