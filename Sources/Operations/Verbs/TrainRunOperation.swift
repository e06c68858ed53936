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
  /// The name of the folder of trained adapters in the run folder.
  static let adapterName = "adapter"

  private var modelPath: String { output + "/" + Self.modelName }

  /// The verb and further options that the lineage of the outputs records.
  private var verb = TrainRunOperation.verb
  private var lineageOptions: [Lineage.Option] = []

  /// Creates a training that another operation runs.
  init(
    model: String, settings: TrainSettings, output: String, verb: String,
    options: [Lineage.Option]
  ) {
    self.init(model: model, settings: settings, output: output)
    self.verb = verb
    lineageOptions = options
  }

  private enum CodingKeys: CodingKey { case model, settings, output }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let inputs = try TrainingInputs(model, settings, context)
    let result = try run(inputs, context)
    return OperationResult(reports: [
      TrainingReport(
        model: model, folder: output, output: outputPath(inputs), result,
        kept: inputs.recipe.kept)
    ])
  }

  /// Returns the path of the result: the model, or adapters alone.
  private func outputPath(_ inputs: TrainingInputs) -> String {
    guard case .adapters = inputs.part, inputs.fit == nil else { return modelPath }
    return output + "/" + Self.adapterName
  }

  /// Trains, and writes the model.
  /// - Parameter prepare: Changes the trainer before its first step.
  func run(
    _ inputs: TrainingInputs, _ context: OperationContext,
    prepare: (Trainer<Float>) throws -> Void = { _ in }
  ) throws -> TrainingResult {
    let (trainer, plan) = try trainer(inputs, context)
    try prepare(trainer)
    let folder = try RunFolder(output, command: inputs.command)
    return try run(trainer, inputs, folder, plan, context)
  }

  /// Checks that the run can begin or continue, and returns the trainer before its first step. Writes nothing.
  func trainer(
    _ inputs: TrainingInputs, _ context: OperationContext
  ) throws -> (Trainer<Float>, TrainingInputs.Plan) {
    try checkPlace()
    let plan = try inputs.plan(context)
    try RunFolder.check(output, command: inputs.command)
    return (try inputs.trainer(plan, context), plan)
  }

  /// Trains in a folder, which is locked until the model is written.
  func run(
    _ trainer: Trainer<Float>, _ inputs: TrainingInputs, _ folder: RunFolder,
    _ plan: TrainingInputs.Plan, _ context: OperationContext
  ) throws -> TrainingResult {
    let result = try steps(trainer, inputs, folder, plan, context)
    try write(trainer, inputs, context)
    return withExtendedLifetime(folder) { result }
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

  /// Writes the trained model, and its adapters.
  private func write(
    _ trainer: Trainer<Float>, _ inputs: TrainingInputs, _ context: OperationContext
  ) throws {
    let result = TrainedOutput(trainer, inputs)
    if let adapter = try result.adapter() {
      try write(adapter, to: output + "/" + Self.adapterName, inputs, context)
    }
    if let model = try result.model() { try write(model, to: modelPath, inputs, context) }
  }

  private func write(
    _ checkpoint: Checkpoint, to path: String, _ inputs: TrainingInputs,
    _ context: OperationContext
  ) throws {
    var settings = OutputSettings(path: path)
    settings.replacesExisting = true
    let request = OutputRequest(
      options: self.settings.lineageOptions(inputs.recipe, inputs.data) + lineageOptions,
      inputs: [inputs.checkpoint] + [inputs.maskFile].compactMap(\.self), output: checkpoint,
      carried: [])
    _ = try OutputRun(request, verb: verb, settings, context).run()
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
