package import Networks
package import SparCL

/// Everything that the next step of a continual training depends on, beside parameters and optimizer.
package struct ContinualState<Scalar: NetworkScalar>: Sendable {
  /// The numbers of steps, tasks, epochs of the task and batches of the epoch that are done.
  package var step = 0
  package var task = 0
  package var epoch = 0
  package var batch = 0
  /// The numbers of epochs of all tasks, changes of masks, removals and replayed batches that are done.
  package var epochCount = 0
  package var updateCount = 0
  package var removalCount = 0
  package var replayCount = 0
  /// The score of the steps of an epoch that is not over.
  package var score = Score()
  /// The examples of the task that remain, by their numbers in the task, in ascending order.
  package var remaining: [Int] = []
  /// For each example of the task, true for each time that it was right since the last removal; empty if no removal follows.
  package var sights: [[Bool]] = []
  package var buffer: ReplayBuffer
  /// The masks of weights, and of gradients, by names of parameters.
  package var masks: [String: [Bool]] = [:]
  package var gradientMasks: [String: [Bool]] = [:]
  /// The gradients of the last step of the latest epoch, for the importance of weights; empty in the first epoch.
  package var gradients: [String: [Scalar]] = [:]
  /// The accuracies after each task: row t has those on tasks 0 to t.
  package var accuracies: [[TaskAccuracy]] = []
}

/// The share of correct examples of a task, among all classes and among those of the task.
package struct TaskAccuracy: Sendable, Equatable {
  package var correct: Int
  package var correctInTask: Int
  package var count: Int

  package init(correct: Int, correctInTask: Int, count: Int) {
    (self.correct, self.correctInTask, self.count) = (correct, correctInTask, count)
  }

  package var share: Double { Double(correct) / Double(max(1, count)) }
  package var shareInTask: Double { Double(correctInTask) / Double(max(1, count)) }
}

/// Examples of earlier steps, with their logits at the time.
package struct ReplayBuffer: Sendable {
  package var reservoir: Reservoir
  /// The numbers of the stored examples in the data.
  package var examples: [Int]
  /// The logits of the stored examples, row by row.
  package var logits: [Double]
  package let classCount: Int

  package init(size: Int, classCount: Int) {
    reservoir = Reservoir(size: size)
    (examples, logits) = ([], [])
    self.classCount = classCount
  }

  /// Stores an example with its logits.
  /// - Parameter place: A place that holds an example, or the next free one.
  package mutating func store(_ example: Int, _ row: ArraySlice<Double>, at place: Int) {
    guard place < examples.count else {
      examples.append(example)
      logits += row
      return
    }
    examples[place] = example
    logits.replaceSubrange(place * classCount..<(place + 1) * classCount, with: row)
  }
}
