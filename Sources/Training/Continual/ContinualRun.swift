package import Base
import Checkpoints
package import Examples
import SparCL

/// A continual training in a run folder, from its first step or from the state of the folder to its end.
package final class ContinualRun {
  package let learner: ContinualLearner<Float>
  private let test: LabelledExamples
  private let folder: RunFolder
  private let cancellation: Cancellation
  private let advance: (_ stepCount: Int) -> Void
  /// Writes the model after a task, counted from 1, and returns its checksum.
  private let write: (_ task: Int) throws -> String
  /// Checks the model that was written after a task, or writes the last one again.
  private let keep: (_ task: Int, _ checksum: String) throws -> Void
  private var epochs: [ContinualEpoch] = []

  /// - Parameters:
  ///   - test: Examples on which the accuracies are measured.
  ///   - advance: Called with the number of steps that are done.
  ///   - write: Writes the model after a task, counted from 1, and returns its checksum.
  ///   - keep: Called before the first step with each task that is done and the checksum of its model.
  package init(
    _ learner: ContinualLearner<Float>, test: LabelledExamples, _ folder: RunFolder,
    cancellation: Cancellation, advance: @escaping (_ stepCount: Int) -> Void,
    write: @escaping (_ task: Int) throws -> String,
    keep: @escaping (_ task: Int, _ checksum: String) throws -> Void = { _, _ in }
  ) {
    self.learner = learner
    self.test = test
    self.folder = folder
    self.cancellation = cancellation
    self.advance = advance
    self.write = write
    self.keep = keep
  }

  private var state: ContinualState<Float> { learner.state }

  /// Runs all steps that are left.
  /// - Throws: ``FormatError`` if a loss or gradient is not finite, which leaves the last saved state as it is;
  ///   ``InterruptedError``, before which the state is saved.
  package func run() throws -> ContinualResult {
    try folder.removePartials()
    if let tensors = try folder.tensors(RunFolder.stateName) {
      try learner.restore(tensors, path: folder.path + "/" + RunFolder.stateName)
    } else {
      try learner.prune()
    }
    let lines = try folder.rewindLog(toStep: state.step)
    epochs = lines.compactMap(ContinualEpoch.init)
    try folder.checkLog(epochs.count, expected: state.epochCount)
    for line in lines {
      guard let sum = line["model"]?.asString, let task = line["task"]?.asInt else { continue }
      try keep(task, sum)
    }
    advance(state.step)
    while !learner.isDone {
      do { try cancellation.check() } catch {
        try save()
        throw error
      }
      if state.batch == 0 { try begin() }
      try step()
      advance(1)
      if state.batch == learner.batchCount {
        try end()
      } else if let interval = learner.trainer.recipe.saveInterval, state.step % interval == 0 {
        try save()
      }
    }
    return ContinualResult(epochs: epochs, accuracies: state.accuracies, stepCount: state.step)
  }

  private func save() throws {
    guard try learner.trainer.isFinite else {
      throw fault("a parameter is not finite after step \(state.step)")
    }
    try folder.flushLog()
    try folder.write(learner.tensors(), to: RunFolder.stateName)
  }

  private func begin() throws {
    let (task, epoch) = (JSONValue(state.task + 1), JSONValue(state.epoch + 1))
    let start = try learner.beginEpoch()
    if !start.changes.isEmpty {
      folder.log([
        "step": JSONValue(state.step + 1), "task": task, "epoch": epoch,
        "masks": .array(
          start.changes.map {
            [
              "name": .string($0.name), "weights": JSONValue($0.weights),
              "kept": JSONValue($0.kept), "grown": JSONValue($0.grown),
              "dropped": JSONValue($0.dropped),
            ]
          }),
      ])
    }
    for first in stride(from: 0, to: start.removed.count, by: Self.loggedRemovalCount) {
      folder.log([
        "step": JSONValue(state.step + 1), "task": task, "epoch": epoch,
        "removed": .array(
          start.removed[first...].prefix(Self.loggedRemovalCount).map { JSONValue($0) }),
        "remaining": JSONValue(state.remaining.count),
      ])
    }
  }

  /// The number of removed examples in a line of the log, whose length is limited.
  private static let loggedRemovalCount = 1 << 14

  private func step() throws {
    let (rates, course) = (learner.trainer.recipe.rate, learner.course)
    let rate =
      switch rates.unit {
      case .step:
        rates.value(
          at: state.step - course.firstStep(ofTask: state.task),
          of: course.stepCount(ofTask: state.task))
      case .epoch: rates.value(at: state.epoch, of: learner.recipe.epochs)
      }
    let outcome = try learner.step(rate: rate)
    guard outcome.isFinite else {
      let name = outcome.loss.isFinite ? "a gradient" : "the loss"
      throw fault("\(name) is NaN or infinite in step \(state.step + 1)")
    }
    folder.log([
      "step": JSONValue(state.step), "task": JSONValue(state.task + 1),
      "epoch": JSONValue(state.epoch + 1), "rate": JSONValue(rate),
      "loss": JSONValue(outcome.loss), "correct": JSONValue(outcome.score.correctCount),
    ])
  }

  private func end() throws {
    let accuracies = try learner.accuracies(on: test, tasks: state.task + 1)
    let epoch = ContinualEpoch(
      task: state.task + 1, epoch: state.epoch + 1, step: state.step,
      examples: state.remaining.count, training: state.score, accuracies: accuracies)
    epochs.append(epoch)
    folder.log(epoch.line)
    let task = state.task
    learner.endEpoch()
    if state.task != task {
      learner.state.accuracies.append(accuracies)
      let sum = try write(task + 1)
      folder.log([
        "step": JSONValue(state.step), "task": JSONValue(task + 1), "model": .string(sum),
      ])
    }
    try save()
  }

  private func fault(_ reason: String) -> FormatError {
    FormatError(
      .trainingDiverged, "\(reason), expected a finite number", path: folder.path,
      hint: "lower the rate, or set clip in a recipe; the last saved state is kept")
  }
}
