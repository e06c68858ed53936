/// The loss over some targets.
package struct Score: Sendable, Equatable {
  /// The sum of −log p over the targets, in nats.
  package var lossSum = 0.0
  /// The number of targets with the largest logit.
  package var correctCount = 0
  package var count = 0

  package init(lossSum: Double = 0, correctCount: Int = 0, count: Int = 0) {
    self.lossSum = lossSum
    self.correctCount = correctCount
    self.count = count
  }

  package var loss: Double { lossSum / Double(max(1, count)) }
  package var accuracy: Double { Double(correctCount) / Double(max(1, count)) }

  package static func += (left: inout Score, right: Score) {
    left.lossSum += right.lossSum
    left.correctCount += right.correctCount
    left.count += right.count
  }
}
