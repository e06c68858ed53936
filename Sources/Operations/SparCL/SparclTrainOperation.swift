import Base
import Checkpoints
import Examples
import Networks
import Packing
package import Reporting
import SystemPackage
import TensorCore
import Training

/// Trains a classifier on tasks one after another, with sparse weights, sparse gradients and fewer examples.
///
/// Source: Wang et al., "SparCL: sparse continual learning on the edge", NeurIPS 2022.
package struct SparclTrainOperation: PlannedTraining {
  package static let verb = "sparcl train"

  package var model: String
  package var settings: SparclTrainSettings
  /// The path of the run folder.
  package var output: String

  package init(model: String, settings: SparclTrainSettings, output: String) {
    self.model = model
    self.settings = settings
    self.output = output
  }

  /// The path of the model after a task, counted from 1.
  private func path(_ task: Int) -> String { output + "/task-\(task).sumac" }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let inputs = try ContinualInputs(model, settings, context)
    try checkPlace()
    let plan = try inputs.plan(context)
    try RunFolder.check(output, command: inputs.command)
    let learner = try inputs.learner(context)
    let folder = try RunFolder(output, command: inputs.command)
    let progress = context.observer.progress
    progress.begin(.train, tensors: 0, byteCount: plan.stepCount)
    let result: ContinualResult
    do {
      defer { progress.end() }
      result = try ContinualRun(
        learner, test: inputs.test, folder, cancellation: context.cancellation,
        advance: { progress.advance(byteCount: $0) }
      ) {
        try write(learner, task: $0, inputs, context)
        return try checksum(ofTask: $0, context) ?? ""
      } keep: { task, sum in
        guard try checksum(ofTask: task, context) != sum else { return }
        guard task == inputs.recipe.tasks.count else { throw fault(task) }
        try write(learner, task: task, inputs, context)
      }.run()
    }
    let sizes = try inputs.recipe.tasks.indices.map {
      try FileSystem.byteCount(ofTree: path($0 + 1))
    }
    return OperationResult(reports: [
      ContinualReport(
        model: model, folder: output, inputs.recipe, result, sizes: sizes,
        hasTest: inputs.hasTest)
    ])
  }

  private func checkPlace() throws {
    let parent = FileSystem.parent(of: output)
    guard !FileSystem.isDirectory(parent) else { return }
    throw FileError("write to folder", parent, .noSuchFileOrDirectory)
  }

  /// Returns the checksum of the model after a task; nil if the file does not exist.
  private func checksum(ofTask task: Int, _ context: OperationContext) throws -> String? {
    guard try FileSystem.targetType(path(task)) == .regular else { return nil }
    let engine = Engine(
      workers: 1, cancellation: context.cancellation, progress: NoProgress())
    return try FileChecksum.text(of: path(task), from: 0, engine: engine)
  }

  /// The error for the model of an earlier task, whose weights the state of the run no longer has.
  private func fault(_ task: Int) -> FormatError {
    FormatError(
      .trainingState,
      "is missing, damaged or another file, expected the model that the run wrote after task \(task)",
      path: path(task),
      hint: "put the file back, or remove \(output.printable) and repeat the command to train anew")
  }

  /// Writes the model after a task; masked layers are stored sparse.
  private func write(
    _ learner: ContinualLearner<Float>, task: Int, _ inputs: ContinualInputs,
    _ context: OperationContext
  ) throws {
    let checkpoint = try inputs.checkpoint.replacingTensors(
      by: learner.trainer, sparse: Set(learner.state.masks.keys))
    var settings = OutputSettings(path: path(task))
    settings.replacesExisting = true
    let request = OutputRequest(
      options: self.settings.lineageOptions(inputs.recipe, inputs.training)
        + [Lineage.Option("task", String(task))], inputs: [inputs.checkpoint], output: checkpoint,
      carried: [])
    _ = try OutputRun(request, verb: Self.verb, settings, context).run()
  }

  /// Returns the plan: sizes, steps and memory. Writes nothing.
  package func plan(_ context: OperationContext) throws -> any Report {
    let inputs = try ContinualInputs(model, settings, context)
    try checkPlace()
    let plan = try inputs.plan(context)
    try RunFolder.check(output, command: inputs.command)
    return ContinualPlanReport(
      model: model, folder: output, inputs.recipe, plan, examples: inputs.data.count)
  }
}
