package import Networks

/// Examples with their targets.
package protocol TrainingData: Sendable {
  var count: Int { get }
  /// The number of bytes that the examples need in memory.
  var byteCount: Int { get }
  /// True if each example has one class, so that the share of correct ones is counted.
  var hasClasses: Bool { get }
  /// The number of tokens that a window predicts; nil for other examples.
  var windowLength: Int? { get }
  /// Returns some examples.
  func batch<S: NetworkScalar>(_ examples: [Int], in arena: Arena) -> Batch<S>
}

extension TrainingData {
  package var windowLength: Int? { nil }
}

/// Some examples as the input of a network, and what it should predict.
package struct Batch<Scalar: NetworkScalar>: Sendable {
  package let input: NetworkInput<Scalar>
  /// A target for each row of the logits; ``LogProbability/ignored`` for rows that do not count.
  package let targets: [Int32]
  package let windows: Windows

  package init(_ input: NetworkInput<Scalar>, targets: [Int32], windows: Windows) {
    self.input = input
    self.targets = targets
    self.windows = windows
  }

  /// The number of rows that count.
  package var targetCount: Int { targets.count { $0 != LogProbability.ignored } }

  /// Returns the number of rows whose largest logit, the first of equals, is that of the target.
  /// - Parameter logits: Shape `[targets, classes]`.
  package func correctCount(_ logits: Value<Scalar>) -> Int {
    let (x, columns) = (logits.span, logits.columns)
    var count = 0
    for (row, target) in targets.enumerated() where target != LogProbability.ignored {
      var best = 0
      for column in 1..<max(1, columns) where x[row * columns + column] > x[row * columns + best] {
        best = column
      }
      if best == Int(target) { count += 1 }
    }
    return count
  }
}
