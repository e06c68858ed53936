import Base
import Checkpoints
import Networks
import Packing
package import Reporting
import SystemPackage
import TensorCore
import Training

/// An operation that trains in a run folder.
package protocol PlannedTraining: Operation {
  /// Returns the plan: sizes, steps and memory. Writes nothing.
  /// - Throws: The errors that `run` throws before its work starts.
  func plan(_ context: OperationContext) throws -> any Report
}

/// Trains a network in a run folder, in which the same command continues after its end was forced.
package struct TrainRunOperation: PlannedTraining {
  package static let verb = "train run"

  package var model: String
  package var settings: TrainSettings
  /// The path of the run folder.
  package var output: String

  package init(model: String, settings: TrainSettings, output: String) {
    self.model = model
    self.settings = settings
    self.output = output
  }

  /// The name of the trained model in the run folder.
  static let modelName = "model.sumac"

  private var modelPath: String { output + "/" + Self.modelName }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let inputs = try TrainingInputs(model, settings, context)
    let result = try run(inputs, context)
    return OperationResult(reports: [
      TrainingReport(
        model: model, folder: output, output: modelPath, result, kept: inputs.recipe.kept)
    ])
  }

  /// Trains, and writes the model.
  /// - Parameter prepare: Changes the trainer before its first step.
  func run(
    _ inputs: TrainingInputs, _ context: OperationContext,
    prepare: (Trainer<Float>) throws -> Void = { _ in }
  ) throws -> TrainingResult {
    try checkPlace()
    let plan = try inputs.plan(context)
    try RunFolder.check(output, command: inputs.command)
    let trainer = try inputs.trainer(plan, context)
    try prepare(trainer)
    let folder = try RunFolder(output, command: inputs.command)
    let result = try steps(trainer, inputs, folder, plan, context)
    try write(trainer, inputs, context)
    return result
  }

  /// Runs all steps that are left, while progress is shown.
  private func steps(
    _ trainer: Trainer<Float>, _ inputs: TrainingInputs, _ folder: RunFolder,
    _ plan: TrainingInputs.Plan, _ context: OperationContext
  ) throws -> TrainingResult {
    let progress = context.observer.progress
    progress.begin(.train, tensors: 0, byteCount: plan.stepCount)
    defer { progress.end() }
    return try TrainingLoop(
      trainer, inputs.data, test: inputs.test, order: inputs.order, folder,
      cancellation: context.cancellation
    ) { progress.advance(byteCount: $0) }.run()
  }

  /// Throws if the folder that the run folder belongs to does not exist.
  private func checkPlace() throws {
    let parent = FileSystem.parent(of: output)
    guard !FileSystem.isDirectory(parent) else { return }
    throw FileError("write to folder", parent, .noSuchFileOrDirectory)
  }

  /// Writes the trained model.
  private func write(
    _ trainer: Trainer<Float>, _ inputs: TrainingInputs, _ context: OperationContext
  ) throws {
    var trained: [String: Value<Float>] = [:]
    for parameter in trainer.parameters + trainer.statistics {
      trained[parameter.name] = parameter.value
    }
    var checkpoint = inputs.checkpoint
    checkpoint.tensors = try checkpoint.tensors.map { tensor in
      guard let value = trained[tensor.name] else { return tensor }
      var result = try ValueTensorSource.tensor(tensor.name, value)
      if inputs.masks[tensor.name] != nil, SparseAutoEncoding.applies(to: result.info) {
        result.storage = .losslessOrSparse
      }
      return result
    }
    var settings = OutputSettings(path: modelPath)
    settings.replacesExisting = true
    let request = OutputRequest(
      options: [
        Lineage.Option("data", self.settings.data), Lineage.Option("recipe", self.settings.recipe),
      ], inputs: [inputs.checkpoint], output: checkpoint, carried: [])
    _ = try OutputRun(request, verb: Self.verb, settings, context).run()
  }

  /// Returns the plan: sizes, steps and memory. Writes nothing.
  package func plan(_ context: OperationContext) throws -> any Report {
    let inputs = try TrainingInputs(model, settings, context)
    try checkPlace()
    let plan = try inputs.plan(context)
    try RunFolder.check(output, command: inputs.command)
    return TrainingPlanReport(model: model, folder: output, inputs, plan, context)
  }
}
