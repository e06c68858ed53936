package import Base
package import Surveys

/// How far the pruning of one large group has come, and what is asked next.
///
/// Each iteration asks twice: for sums and a histogram, which tell the bin of the threshold, and for
/// the lower bits of the scores in that bin, which tell the threshold. Both are `DigitCounts`, whose places
/// are those of a `RankSearch`; a state is kept in survey files between the two, and asks for the next score
/// as well, because the official code cuts at a quantile that lies between two scores.
package struct GroupState: Sendable, Equatable {
  package enum Question: Sendable, Equatable {
    case sums
    case lowerBits(LowerBits)
    /// Where the last of `kept` scores that equal the threshold stands.
    case ties(kept: Int)
    case nothing
  }

  /// Asks for the lower bits of the scores in a bin.
  package struct LowerBits: Sendable, Equatable {
    package var bin: Int
    /// The threshold is the score of this rank in the bin, or lies a fraction behind it towards the next.
    package var rank: Int
    package var fraction: Float
    /// The next bin with scores.
    package var nextBin: Int
    /// Whether of the scores that equal the threshold only as many stay as are to be kept.
    package var cutsTies: Bool
  }

  /// What is kept so far, of tensors in which no tie is cut.
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

  /// Takes the sums of what is left; ends after `iterations`.
  /// - Parameter path: of the file, for the error of one whose scores are not as many as its weights.
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
      // All of it goes.
      threshold = .max
      endIteration()
      return
    }
    let bins = histogram.upper
    guard let place = bins.place(ofRank: cut.rank, from: .smallest, of: .finite) else {
      throw ChangedInputError(path: path)
    }
    question = .lowerBits(
      LowerBits(
        bin: place.digit, rank: cut.rank - place.before, fraction: cut.fraction,
        nextBin: bins.next(after: place.digit, of: .finite) ?? place.digit,
        cutsTies: cut.cutsTies))
  }

  /// Takes how often each value of the lower 15 bits occurs in the bin that was asked for.
  package mutating func take(
    _ counts: DigitCounts, answering asked: LowerBits, path: String
  ) throws(ChangedInputError) {
    guard let place = counts.place(ofRank: asked.rank, from: .smallest) else {
      throw ChangedInputError(path: path)
    }
    let end = place.before + Int(counts.counts[place.digit])
    threshold = Self.threshold(place.digit, counts, isLast: asked.rank + 1 == end, asked)
    guard asked.cutsTies else { return endIteration() }
    question = .ties(kept: end - asked.rank)
  }

  /// What scores have to reach.
  /// - Parameter isLast: whether the score after that of the rank has other lower bits.
  private static func threshold(
    _ low: Int, _ counts: DigitCounts, isLast: Bool, _ asked: LowerBits
  ) -> UInt32 {
    let score = UInt32(asked.bin << 15 | low)
    guard asked.fraction > 0, isLast else { return score }
    // Of a next score in another bin only the bin is known, which tells as much: the bound lies over
    // this score, or so near that it is the same.
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
