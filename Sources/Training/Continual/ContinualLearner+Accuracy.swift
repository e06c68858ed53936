package import Examples
import Networks

extension ContinualLearner {
  /// Returns the accuracies on the test examples of the first tasks.
  package func accuracies(on test: LabelledExamples, tasks: Int) throws -> [TaskAccuracy] {
    let columns = state.buffer.classCount
    return try Self.examples(test, Array(recipe.tasks[..<tasks])).enumerated().map { task, all in
      var result = TaskAccuracy(correct: 0, correctInTask: 0, count: all.count)
      for start in stride(from: 0, to: all.count, by: trainer.recipe.batch) {
        let batch = Array(all[start..<min(all.count, start + trainer.recipe.batch)])
        let logits = try trainer.logits(
          test.batch(batch, in: compute.arena), Tape(compute), observe: nil
        ).numbers
        for (row, example) in batch.enumerated() {
          let label = Int(test.labels[example])
          func best(_ classes: some Sequence<Int>) -> Int? {
            classes.max { logits[row * columns + $0] < logits[row * columns + $1] }
          }
          // The first of equals is found.
          if best(0..<columns) == label { result.correct += 1 }
          if best(recipe.tasks[task].sorted()) == label { result.correctInTask += 1 }
        }
      }
      return result
    }
  }
}
