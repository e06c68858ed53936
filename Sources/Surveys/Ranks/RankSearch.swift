package import TensorCore

/// A search for the magnitude of one rank by radix selection in two steps.
///
/// A search asks for `DigitCounts` twice: first of the upper 16 bits of all magnitudes, then of the lower 15
/// bits of the magnitudes that share the upper bits of the target. Each answer is a sum over all values, so
/// the result is exact and the same for any number of workers, files or machines. Searches that ask the same
/// question can share an answer.
///
/// The selected magnitudes are those beyond `threshold` and, among those that equal it, the first `tieCount`
/// by flat index. If that excludes some ties, `TieCounts` finds the last selected one.
///
/// - Complexity: O(*n*) for each answer; the memory is that of one `DigitCounts`.
package struct RankSearch: Sendable, Equatable {
  private enum Step: Sendable, Equatable { case upper, lower, done }

  /// The number of magnitudes to select from the start of the order, at least 1. The search finds the
  /// magnitude of rank `count` - 1.
  package let count: Int
  package let order: DigitCounts.Order
  package let ranked: DigitCounts.Ranked
  private var step = Step.upper
  /// The upper 16 bits of the magnitude, after the first answer.
  package private(set) var upper = 0
  /// The number of magnitudes that come before those that share the bits known so far.
  package private(set) var before = 0
  /// The magnitude as float32 bits, after the second answer.
  package private(set) var threshold: UInt32 = 0
  /// The number of magnitudes that share the bits known so far.
  package private(set) var equalCount = 0

  package init(
    count: Int, from order: DigitCounts.Order, of ranked: DigitCounts.Ranked = .all
  ) {
    precondition(count > 0)
    self.count = count
    self.order = order
    self.ranked = ranked
  }

  /// The digits to count next; nil after the magnitude is found.
  package var question: Kernels.MagnitudeDigits? {
    switch step {
    case .upper: .upper
    case .lower: .lower(upper: upper)
    case .done: nil
    }
  }

  /// Continues the search with the counts that `question` asked for.
  /// - Returns: False if there are too few magnitudes because the values changed since the last answer.
  package mutating func take(_ counts: DigitCounts) -> Bool {
    precondition(counts.digits == question)
    guard let position = counts.position(ofRank: count - 1 - before, from: order, of: ranked) else {
      return false
    }
    before += position.before
    equalCount = Int(counts.counts[position.digit])
    switch step {
    case .upper: (upper, step) = (position.digit, .lower)
    case .lower, .done:
      threshold = UInt32(upper << 15 | position.digit)  // fits: 31 bits
      step = .done
    }
    return true
  }

  /// Completes a search whose magnitude was found directly because all values are in memory.
  /// - Parameters:
  ///   - threshold: The magnitude as float32 bits.
  ///   - before: The number of magnitudes beyond it.
  ///   - equalCount: The number of magnitudes equal to it.
  package mutating func settle(threshold: UInt32, before: Int, equalCount: Int) {
    (self.threshold, self.before, self.equalCount) = (threshold, before, equalCount)
    (upper, step) = (Int(threshold >> 15), .done)
  }

  /// The number of magnitudes equal to the threshold that are selected: the first by flat index.
  package var tieCount: Int { count - before }
}
