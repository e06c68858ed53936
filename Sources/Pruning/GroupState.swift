package import Statistics

/// How far the pruning of one large group has come, and what is asked next.
///
/// Each iteration asks twice: for sums and a histogram, which tell the bin of the threshold, and for
/// the lower bits of the scores in that bin, which tell the threshold.
package struct GroupState: Sendable, Equatable {
  package enum Question: Sendable, Equatable {
    case sums
    /// The lower bits of scores in a bin, of which the one of rank `rank` there is the threshold, or
    /// lies a fraction before it towards the next; the next bin with scores is `nextBin`.
    case lowerBits(bin: Int, rank: Int, nextBin: Int, fraction: Float)
    /// Where the last of `kept` scores that equal the threshold stands.
    case ties(kept: Int)
    case nothing
  }

  /// What is kept so far, of tensors in which no tie is cut.
  package internal(set) var threshold: UInt32 = 0
  package internal(set) var iteration = 0
  package internal(set) var question = Question.sums
  package internal(set) var decisions: [SAP.Decision] = []
  /// Whether the scores that equal the next threshold are cut to their number.
  private var cut: Amount.Cut?

  package init() {}

  package init(
    threshold: UInt32, iteration: Int, question: Question, decisions: [SAP.Decision],
    cut: Amount.Cut?
  ) {
    self.threshold = threshold
    self.iteration = iteration
    self.question = question
    self.decisions = decisions
    self.cut = cut
  }

  /// Takes the sums of what is left; ends after `iterations`.
  package mutating func take(
    _ tally: WeightTally, _ histogram: MagnitudeHistogram, amount: Amount, iterations: Int
  ) {
    precondition(question == .sums)
    guard iteration < iterations, let cut = amount.cut(count: tally.count, powerSums: tally.powers)
    else {
      question = .nothing
      return
    }
    if let decision = cut.decision { decisions.append(decision) }
    self.cut = cut
    guard cut.rank < tally.count else {
      // All of it goes.
      threshold = .max
      endIteration()
      return
    }
    let place = histogram.bin(ofRank: cut.rank)
    let nextBin = (place.bin + 1..<MagnitudeHistogram.finiteBinCount).first {
      histogram.counts[$0] > 0
    }
    question = .lowerBits(
      bin: place.bin, rank: cut.rank - place.below, nextBin: nextBin ?? place.bin,
      fraction: cut.fraction)
  }

  /// Takes how often each value of the lower 15 bits occurs in the bin that was asked for.
  package mutating func take(lowerBits counts: [UInt64]) {
    guard case .lowerBits(let bin, let rank, let nextBin, let fraction) = question else {
      preconditionFailure("no lower bits were asked for")
    }
    var below = 0
    for (low, count) in counts.enumerated() {
      if rank < below + Int(count) {
        threshold = UInt32(bin << 15 | low)
        if fraction > 0, rank + 1 == below + Int(count) {
          // Of a next score in another bin only the bin is known, which tells as much: the bound
          // lies over this score, or so near that it is the same.
          let next = counts[(low + 1)...].firstIndex { $0 > 0 }.map { bin << 15 | $0 }
          let bound = Amount.bound(
            threshold, next: UInt32(next ?? nextBin << 15), fraction: fraction)
          if bound > threshold { threshold += 1 }
        }
        guard cut!.cutsTies else { return endIteration() }
        question = .ties(kept: Int(count) - (rank - below))
        return
      }
      below += Int(count)
    }
    preconditionFailure("the bin has fewer scores than its histogram says")
  }

  mutating func endIteration() {
    cut = nil
    iteration += 1
    question = .sums
  }
}
