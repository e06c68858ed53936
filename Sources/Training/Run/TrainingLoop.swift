package import Base
import Checkpoints
package import Examples
import Networks

/// A training in a run folder, from its first step or from the state of the folder to its end.
package final class TrainingLoop {
  private let trainer: Trainer<Float>
  private let data: any TrainingData
  private let test: (any TrainingData)?
  private let order: ExampleOrder
  private let folder: RunFolder
  private let cancellation: Cancellation
  private let advance: (_ stepCount: Int) -> Void
  private var state = TrainingState()
  private var epochs: [EpochResult] = []
  /// The order of the examples in the current epoch.
  private var current: (epoch: Int, examples: [Int])?

  private let stepsPerEpoch: Int
  private let stepCount: Int

  /// - Parameter advance: Called with the number of steps that are done.
  package init(
    _ trainer: Trainer<Float>, _ data: any TrainingData, test: (any TrainingData)?,
    order: ExampleOrder, _ folder: RunFolder, cancellation: Cancellation,
    advance: @escaping (_ stepCount: Int) -> Void = { _ in }
  ) {
    self.trainer = trainer
    self.data = data
    self.test = test
    self.order = order
    self.folder = folder
    self.cancellation = cancellation
    self.advance = advance
    stepsPerEpoch = Self.stepsPerEpoch(trainer.recipe, data)
    stepCount = trainer.recipe.stepCount(perEpoch: stepsPerEpoch)
  }

  /// Returns the number of steps of an epoch; the last one may have fewer examples.
  package static func stepsPerEpoch(_ recipe: TrainingRecipe, _ data: any TrainingData) -> Int {
    max(1, (data.count + recipe.batch - 1) / recipe.batch)
  }

  /// Runs all steps that are left.
  /// - Returns: The results of all epochs. The trainer has the model that the recipe keeps.
  /// - Throws: ``FormatError`` if a loss is not finite, ``InterruptedError``. The state before the step is saved.
  package func run() throws -> TrainingResult {
    try resume()
    advance(state.step)
    while state.step < stepCount {
      do { try cancellation.check() } catch {
        try save()
        throw error
      }
      try step()
      advance(1)
    }
    if trainer.recipe.kept == .best, state.best != nil {
      try TrainingState.read(
        (trainer.parameters + trainer.statistics).map { ($0.name, $0.value) },
        folder.tensors(RunFolder.bestName) ?? [:], folder.path + "/" + RunFolder.bestName,
        in: trainer.compute.arena)
    }
    return TrainingResult(epochs: epochs, stepCount: stepCount, best: state.best)
  }

  private func resume() throws {
    try folder.removePartials()
    if let tensors = try folder.tensors(RunFolder.stateName) {
      state = try TrainingState(
        tensors, path: folder.path + "/" + RunFolder.stateName, into: trainer,
        stepCount: stepCount)
    }
    epochs = try folder.rewindLog(toStep: state.step).compactMap(EpochResult.init)
    let ended =
      state.step / stepsPerEpoch
      + (state.step == stepCount && stepCount % stepsPerEpoch > 0 ? 1 : 0)
    try folder.checkLog(epochs.count, expected: ended)
  }

  private func save() throws {
    try folder.flushLog()
    try folder.write(state.tensors(of: trainer), to: RunFolder.stateName)
  }

  // MARK: Steps

  private func step() throws {
    let epoch = state.step / stepsPerEpoch
    let place = state.step % stepsPerEpoch
    if current?.epoch != epoch {
      current = (epoch, order.examples(ofEpoch: epoch, count: data.count))
    }
    let examples = current?.examples ?? []
    let size = trainer.recipe.batch
    let batch: Batch<Float> = data.batch(
      Array(examples[place * size..<min(examples.count, (place + 1) * size)]),
      in: trainer.compute.arena)
    let rate = trainer.recipe.rate(ofStep: state.step, perEpoch: stepsPerEpoch)
    let outcome = try trainer.step(batch, number: state.step + 1, rate: rate)
    guard outcome.score.lossSum.isFinite, outcome.norm.isFinite else { throw try diverged(outcome) }
    state.step += 1
    state.epoch += outcome.score
    var line: JSONObject = [
      "step": JSONValue(state.step), "epoch": JSONValue(epoch + 1), "rate": JSONValue(rate),
      "loss": JSONValue(outcome.score.loss), "gradient_norm": JSONValue(outcome.norm),
    ]
    if data.hasClasses { line["correct"] = JSONValue(outcome.score.correctCount) }
    folder.log(line)
    if place == stepsPerEpoch - 1 || state.step == stepCount {
      try endEpoch(epoch + 1)
    } else if let interval = trainer.recipe.saveInterval, state.step % interval == 0 {
      try saveIfFinite()
    }
  }

  private func endEpoch(_ number: Int) throws {
    var result = EpochResult(epoch: number, step: state.step, training: state.epoch)
    result.test = try test.map(score)
    result.hasClasses = data.hasClasses
    state.epoch = Score()
    epochs.append(result)
    folder.log(result.line)
    if let score = result.test, isBetter(score) {
      state.best = TrainingState.Best(epoch: number, score: score)
      if trainer.recipe.kept == .best {
        try folder.write(
          (trainer.parameters + trainer.statistics).map {
            try ValueTensorSource.tensor($0.name, $0.value)
          }, to: RunFolder.bestName)
      }
    }
    try saveIfFinite()
  }

  /// True if a score is better than that of the best epoch: more correct examples, or a smaller loss without classes.
  private func isBetter(_ score: Score) -> Bool {
    guard let best = state.best?.score else { return true }
    return data.hasClasses
      ? score.correctCount > best.correctCount : score.lossSum < best.lossSum
  }

  /// Returns the score of all examples.
  private func score(_ data: any TrainingData) throws -> Score {
    var total = Score()
    for start in stride(from: 0, to: data.count, by: trainer.recipe.batch) {
      try cancellation.check()
      let end = min(data.count, start + trainer.recipe.batch)
      total += try trainer.score(data.batch(Array(start..<end), in: trainer.compute.arena))
    }
    return total
  }

  // MARK: Divergence

  private func saveIfFinite() throws {
    guard try trainer.isFinite else {
      throw fault("a parameter is not finite after step \(state.step)")
    }
    try save()
  }

  /// Saves the state before a step whose loss or gradient is not finite, and returns the error.
  private func diverged(_ outcome: Trainer<Float>.Outcome) throws -> FormatError {
    if try trainer.isFinite { try save() }
    let isLoss = !outcome.score.lossSum.isFinite
    let found = isLoss ? outcome.score.loss : outcome.norm
    let name = isLoss ? "loss" : "norm of the gradients"
    return fault(
      "the \(name) is \(found.isNaN ? "NaN" : "infinite") in step \(state.step + 1)")
  }

  private func fault(_ reason: String) -> FormatError {
    FormatError(
      .trainingDiverged, "\(reason), expected a finite number", path: folder.path,
      hint: "lower the rate of the recipe or set clip; the folder has the last good state")
  }
}
