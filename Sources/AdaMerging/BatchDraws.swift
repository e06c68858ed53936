import Examples

/// The examples of each step: drawn at random, or given.
package enum BatchDraws: Sendable {
  /// The first examples of a new order in each step, which depends on the task, the seed and the step alone.
  case random(seed: UInt64)
  /// Numbers of examples for each step and task, one after another.
  case given([Int32], taskCount: Int, exampleCount: Int)

  /// Returns the examples of a step, counted from 0, for a task: the batches one after another, without repetition if they
  /// are drawn at random.
  package func examples(
    step: Int, task index: Int, _ task: LearningTask, count: Int
  ) -> [Int] {
    switch self {
    case .random(let seed):
      let order = Draws("adamerging/" + task.name, seed: seed)
        .permutation(task.data.count, step: step)
      return Array(order.prefix(count))
    case .given(let numbers, let taskCount, let exampleCount):
      let start = (step * taskCount + index) * exampleCount
      return numbers[start..<start + exampleCount].map { Int($0) }
    }
  }
}
