package import Base
package import Statistics

/// How far the pruning of one large group has come, and what is asked next.
///
/// Each iteration asks twice: for sums and a histogram, which tell the bin of the threshold, and for
/// the lower bits of the scores in that bin, which tell the threshold.
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
    guard let place = histogram.bin(ofRank: cut.rank) else {
      throw ChangedInputError(path: path)
    }
    let nextBin = (place.bin + 1..<MagnitudeHistogram.finiteBinCount).first {
      histogram.counts[$0] > 0
    }
    question = .lowerBits(
      LowerBits(
        bin: place.bin, rank: cut.rank - place.below, fraction: cut.fraction,
        nextBin: nextBin ?? place.bin, cutsTies: cut.cutsTies))
  }

  /// Takes how often each value of the lower 15 bits occurs in the bin that was asked for.
  package mutating func take(
    _ counts: [UInt64], answering asked: LowerBits, path: String
  ) throws(ChangedInputError) {
    var below = 0
    for (low, count) in counts.enumerated() {
      guard asked.rank >= below + Int(count) else {
        threshold = Self.threshold(low, counts, isLast: asked.rank + 1 == below + Int(count), asked)
        guard asked.cutsTies else { return endIteration() }
        question = .ties(kept: Int(count) - (asked.rank - below))
        return
      }
      below += Int(count)
    }
    throw ChangedInputError(path: path)
  }

  /// What scores have to reach.
  /// - Parameter isLast: whether the score after that of the rank has other lower bits.
  private static func threshold(
    _ low: Int, _ counts: [UInt64], isLast: Bool, _ asked: LowerBits
  ) -> UInt32 {
    let score = UInt32(asked.bin << 15 | low)
    guard asked.fraction > 0, isLast else { return score }
    // Of a next score in another bin only the bin is known, which tells as much: the bound lies over
    // this score, or so near that it is the same.
    let next = counts[(low + 1)...].firstIndex { $0 > 0 }.map { asked.bin << 15 | $0 }
    let bound = Amount.bound(
      score, next: UInt32(next ?? asked.nextBin << 15), fraction: asked.fraction)
    return bound > score ? score + 1 : score
  }

  mutating func endIteration() {
    iteration += 1
    question = .sums
  }
}
