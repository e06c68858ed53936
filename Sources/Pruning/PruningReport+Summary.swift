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
  }

  package var summary: Summary {
    let (before, after) = outcome.total
    return Summary(
      weightCount: outcome.readings.reduce(0) { $0 + $1.tensor.info.elementCount },
      countBefore: before.count, countAfter: after.count,
      indexBefore: before.index(exponents), indexAfter: after.index(exponents))
  }
}
