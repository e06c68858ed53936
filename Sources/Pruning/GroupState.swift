package import Base
package import Surveys

/// The progress of pruning one large group, and the question to answer next.
///
/// Each iteration asks two questions: for sums and a histogram, which determine the bin of the threshold, and
/// for the lower bits of the scores in that bin, which determine the threshold. Both answers are
/// `DigitCounts`, as in a `RankSearch`. Survey files store the state between the two questions. The state also
/// asks for the next score, because the official code cuts at a quantile that lies between two scores.
package struct GroupState: Sendable, Equatable {
  /// The question to answer next.
  package enum Question: Sendable, Equatable {
    /// The sums and the histogram of the remaining weights.
    case sums
    /// The lower bits of the scores in the bin of the threshold.
    case lowerBits(LowerBits)
    /// The position of the last of `kept` scores that equal the threshold.
    case ties(kept: Int)
    /// The group is complete.
    case nothing
  }

  /// A question for the lower bits of the scores in a bin.
  package struct LowerBits: Sendable, Equatable {
    package var bin: Int
    /// The rank within the bin of the score at the cut. The threshold lies `fraction` of the way from this
    /// score to the next.
    package var rank: Int
    package var fraction: Float
    /// The next bin that contains scores.
    package var nextBin: Int
    /// True to drop some of the scores that equal the threshold, so that the exact number is kept.
    package var cutsTies: Bool
  }

  /// The threshold that kept scores reach so far. It does not describe ties that are cut.
  package internal(set) var threshold: UInt32 = 0
  package internal(set) var iteration = 0
  package internal(set) var question = Question.sums
  package internal(set) var decisions: [SAP.Decision] = []
  package init() {}

  package init(
    threshold: UInt32, iteration: Int, question: Question, decisions: [SAP.Decision]
  ) {
    self.threshold = threshold
    self.iteration = iteration
    self.question = question
    self.decisions = decisions
  }

  /// Continues with the sums of the remaining weights; ends after `iterations`.
  /// - Parameter path: The path of the file, for the error message.
  /// - Throws: `ChangedInputError` if the histogram contains fewer scores than there are weights.
  package mutating func take(
    _ tally: WeightTally, _ histogram: MagnitudeHistogram, amount: Amount, iterations: Int,
    path: String
  ) throws(ChangedInputError) {
    guard iteration < iterations, let cut = amount.cut(count: tally.count, powerSums: tally.powers)
    else {
      question = .nothing
      return
    }
    if let decision = cut.decision { decisions.append(decision) }
    guard cut.rank < tally.count else {
      // Everything is dropped.
      threshold = .max
      endIteration()
      return
    }
    let bins = histogram.upper
    guard let position = bins.position(ofRank: cut.rank, from: .smallest, of: .finite) else {
      throw ChangedInputError(path: path)
    }
    question = .lowerBits(
      LowerBits(
        bin: position.digit, rank: cut.rank - position.before, fraction: cut.fraction,
        nextBin: bins.next(after: position.digit, of: .finite) ?? position.digit,
        cutsTies: cut.cutsTies))
  }

  /// Continues with the counts of the lower 15 bits in the bin that was asked for.
  /// - Throws: `ChangedInputError` if the bin contains too few scores.
  package mutating func take(
    _ counts: DigitCounts, answering asked: LowerBits, path: String
  ) throws(ChangedInputError) {
    guard let position = counts.position(ofRank: asked.rank, from: .smallest) else {
      throw ChangedInputError(path: path)
    }
    let end = position.before + Int(counts.counts[position.digit])
    threshold = Self.threshold(position.digit, counts, isLast: asked.rank + 1 == end, asked)
    guard asked.cutsTies else { return endIteration() }
    question = .ties(kept: end - asked.rank)
  }

  /// Returns the threshold that scores must reach.
  /// - Parameter isLast: True if the score of the next rank has different lower bits.
  private static func threshold(
    _ low: Int, _ counts: DigitCounts, isLast: Bool, _ asked: LowerBits
  ) -> UInt32 {
    let score = UInt32(asked.bin << 15 | low)
    guard asked.fraction > 0, isLast else { return score }
    // If the next score is in another bin, only that bin is known. This is enough: the bound lies over this
    // score, or so close that it rounds to it.
    let next = counts.next(after: low).map { asked.bin << 15 | $0 }
    let bound = Amount.bound(
      score, next: UInt32(next ?? asked.nextBin << 15), fraction: asked.fraction)
    return bound > score ? score + 1 : score
  }

  mutating func endIteration() {
    iteration += 1
    question = .sums
  }
}
