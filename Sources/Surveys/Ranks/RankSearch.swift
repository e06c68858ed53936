package import TensorCore

/// The search for the magnitude of one rank: a radix selection in two steps.
///
/// A search asks for `DigitCounts` twice: first of the upper 16 bits of all magnitudes, then of the lower 15
/// bits of the magnitudes that share the upper bits of the one searched for. Each answer is a sum over all
/// values, whoever counted them, so that the result is exact and the same for any number of workers, files
/// or machines. Searches that ask the same can share an answer.
///
/// The magnitudes that come before the rank are those beyond `threshold`, and of those that equal it the
/// `tieCount` first by flat index; where that is not all of them, `TieCounts` tells where they end.
///
/// - Complexity: O(*n*) for each answer; memory is that of one `DigitCounts`.
package struct RankSearch: Sendable, Equatable {
  private enum Step: Sendable, Equatable { case upper, lower, done }

  /// How many magnitudes are taken from the end of the order, at least 1. The one of rank `count` - 1 is
  /// searched for.
  package let count: Int
  package let order: DigitCounts.Order
  package let ranked: DigitCounts.Ranked
  private var step = Step.upper
  /// The upper 16 bits of the magnitude, once they are known.
  package private(set) var upper = 0
  /// How many magnitudes come before those that are known to share its bits.
  package private(set) var before = 0
  /// The magnitude, as bits of float32, once it is known.
  package private(set) var threshold: UInt32 = 0
  /// How many magnitudes share the bits that are known.
  package private(set) var equalCount = 0

  package init(
    count: Int, from order: DigitCounts.Order, of ranked: DigitCounts.Ranked = .all
  ) {
    precondition(count > 0)
    self.count = count
    self.order = order
    self.ranked = ranked
  }

  /// What has to be counted next; nil once the magnitude is found.
  package var question: Kernels.MagnitudeDigits? {
    switch step {
    case .upper: .upper
    case .lower: .lower(upper: upper)
    case .done: nil
    }
  }

  /// Takes the counts that were asked for.
  /// - Returns: false if there are not so many magnitudes: values have changed since the last answer.
  package mutating func take(_ counts: DigitCounts) -> Bool {
    precondition(counts.digits == question)
    guard let place = counts.place(ofRank: count - 1 - before, from: order, of: ranked) else {
      return false
    }
    before += place.before
    equalCount = Int(counts.counts[place.digit])
    switch step {
    case .upper: (upper, step) = (place.digit, .lower)
    case .lower, .done: (threshold, step) = (UInt32(upper << 15 | place.digit), .done)
    }
    return true
  }

  /// Settles a search whose magnitude was found in another way, all values being in memory at once.
  /// - Parameters:
  ///   - before: how many magnitudes lie beyond it.
  ///   - equalCount: how many equal it.
  package mutating func settle(threshold: UInt32, before: Int, equalCount: Int) {
    (self.threshold, self.before, self.equalCount) = (threshold, before, equalCount)
    (upper, step) = (Int(threshold >> 15), .done)
  }

  /// How many of the magnitudes that equal the threshold are taken: the first by flat index.
  package var tieCount: Int { count - before }
}
