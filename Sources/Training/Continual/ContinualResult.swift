import Base

/// The results of a continual training.
package struct ContinualResult: Sendable {
  package var epochs: [ContinualEpoch]
  /// The accuracies after each task: row t has those on tasks 0 to t.
  package var accuracies: [[TaskAccuracy]]
  package var stepCount: Int

  /// The accuracy among all classes, or among those of the task of each example.
  package enum Setting: CaseIterable, Sendable {
    case classIncremental, taskIncremental

    package func share(_ accuracy: TaskAccuracy) -> Double {
      switch self {
      case .classIncremental: accuracy.share
      case .taskIncremental: accuracy.shareInTask
      }
    }
  }

  /// The mean accuracy on all tasks at the end.
  package func meanAccuracy(_ setting: Setting) -> Double {
    mean(accuracies.last?.map(setting.share) ?? [])
  }

  /// The mean over earlier tasks of the best accuracy on a task less that at the end; 0 for a single task.
  ///
  /// Source: Chaudhry et al., "Riemannian walk for incremental learning", section 3.
  package func forgetting(_ setting: Setting) -> Double {
    guard let last = accuracies.last else { return 0 }
    return mean(
      last.dropLast().indices.map { task in
        let best = accuracies[task...].map { setting.share($0[task]) }.max() ?? 0
        return best - setting.share(last[task])
      })
  }

  /// The mean accuracy on each task right after it was learned.
  package func learningAccuracy(_ setting: Setting) -> Double {
    mean(accuracies.compactMap(\.last).map(setting.share))
  }

  private func mean(_ numbers: [Double]) -> Double {
    numbers.reduce(0, +) / Double(max(1, numbers.count))
  }
}

/// An epoch of a continual training.
package struct ContinualEpoch: Sendable, Equatable {
  /// Counted from 1.
  package var task: Int
  package var epoch: Int
  /// The number of steps at its end.
  package var step: Int
  /// The number of examples that remain in the task.
  package var examples: Int
  package var training: Score
  package var accuracies: [TaskAccuracy]
}

extension ContinualEpoch {
  /// The line of the log.
  var line: JSONObject {
    [
      "step": JSONValue(step), "task": JSONValue(task), "end_of_epoch": JSONValue(epoch),
      "examples": JSONValue(examples), "loss_sum": JSONValue(training.lossSum),
      "correct": JSONValue(training.correctCount), "count": JSONValue(training.count),
      "test_counts": .array(accuracies.map { JSONValue($0.count) }),
      "test_correct": .array(accuracies.map { JSONValue($0.correct) }),
      "test_correct_in_task": .array(accuracies.map { JSONValue($0.correctInTask) }),
    ]
  }

  /// Reads a line of the log; nil if it is a line of another kind.
  init?(_ line: JSONValue) {
    func list(_ key: String) -> [Int] { line[key]?.asArray?.compactMap(\.asInt) ?? [] }
    guard let epoch = line["end_of_epoch"]?.asInt, let task = line["task"]?.asInt,
      let step = line["step"]?.asInt, let examples = line["examples"]?.asInt,
      let loss = line["loss_sum"]?.asDouble, let correct = line["correct"]?.asInt,
      let count = line["count"]?.asInt
    else { return nil }
    let (counts, right, inTask) = (
      list("test_counts"), list("test_correct"), list("test_correct_in_task")
    )
    guard counts.count == right.count, counts.count == inTask.count else { return nil }
    self.init(
      task: task, epoch: epoch, step: step, examples: examples,
      training: Score(lossSum: loss, correctCount: correct, count: count),
      accuracies: counts.indices.map {
        TaskAccuracy(correct: right[$0], correctInTask: inTask[$0], count: counts[$0])
      })
  }
}
