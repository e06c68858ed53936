package import Training

/// A task whose examples the coefficients are learned on.
package struct LearningTask: Sendable {
  package let name: String
  /// The examples; their targets are labels only if ``hasLabels`` is true.
  package let data: any TrainingData
  /// True if the share of correct predictions can be counted. Labels are never learned from.
  package let hasLabels: Bool
  /// The classifier of the task on features of unit length; nil for a language model.
  package let head: Head?

  /// A linear classifier: logits = W f / ‖f‖ + b.
  package struct Head: Sendable {
    package let classCount: Int
    package let width: Int
    /// W, row by row.
    package let weight: [Float]
    /// b; nil for none.
    package let bias: [Float]?

    package init(classCount: Int, width: Int, weight: [Float], bias: [Float]?) {
      precondition(weight.count == classCount * width && bias?.count ?? classCount == classCount)
      self.classCount = classCount
      self.width = width
      self.weight = weight
      self.bias = bias
    }
  }

  package init(_ name: String, _ data: any TrainingData, hasLabels: Bool, head: Head?) {
    self.name = name
    self.data = data
    self.hasLabels = hasLabels
    self.head = head
  }
}

/// The examples of each step: drawn at random, or given.
package enum BatchDraws: Sendable {
  /// The first examples of a new order in each step, which depends on the task, the seed and the step alone.
  case random(seed: UInt64)
  /// Numbers of examples for each step and task, one after another.
  case given([Int32], taskCount: Int, exampleCount: Int)

  /// Returns the examples of a step, counted from 0, for a task: the batches one after another, without repetition if they
  /// are drawn at random.
  package func examples(step: Int, task: Int, _ settings: LearningTask, count: Int) -> [Int] {
    switch self {
    case .random(let seed):
      let order = Draws("adamerging/" + settings.name, seed: seed)
        .permutation(settings.data.count, step: step)
      return Array(order.prefix(count))
    case .given(let numbers, let taskCount, let exampleCount):
      let start = (step * taskCount + task) * exampleCount
      return numbers[start..<start + exampleCount].map { Int($0) }
    }
  }
}
