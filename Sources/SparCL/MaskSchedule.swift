/// The sparsities between which masks change, by the epoch of a task.
///
/// A layer is pruned to `lower`, then grows to `upper`. Source: Wang et al., "SparCL", section 3.2.
package struct MaskSchedule: Sendable, Equatable {
  /// The sparsities of each period of a task.
  package var lower: [Double]
  package var upper: [Double]
  /// The epochs at which the next period begins, in ascending order.
  package var changes: [Int]
  /// The number of epochs from one change of the masks to the next.
  package var interval: Int

  package init(lower: [Double], upper: [Double], changes: [Int], interval: Int) {
    precondition(!lower.isEmpty && lower.count == upper.count && interval > 0)
    (self.lower, self.upper, self.changes, self.interval) = (lower, upper, changes, interval)
  }

  /// The schedule of the paper: a task starts with more weights, replaces some of them, and ends without changes.
  /// - Parameters:
  ///   - exchange: The share of all weights that is replaced at once.
  ///   - epochs: The number of epochs of a task.
  package init(sparsity: Double, exchange: Double, interval: Int, epochs: Int) {
    self.init(
      lower: [sparsity, sparsity + exchange, sparsity],
      upper: [max(0, sparsity - exchange), sparsity, sparsity],
      changes: [interval, max(interval, epochs - interval)], interval: interval)
  }

  /// Returns the sparsities at an epoch of a task, counted from 0; nil if masks do not change at it.
  package func bounds(ofEpoch epoch: Int) -> (lower: Double, upper: Double)? {
    guard epoch % interval == 0 else { return nil }
    let period = min(lower.count - 1, changes.count { epoch >= $0 })
    return (lower[period], upper[period])
  }
}
