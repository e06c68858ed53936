import Base
import Checkpoints
import Evaluation

/// Runs a model over text and writes what the inputs of its linear layers are.
package struct CalibrateOperation: OutputOperation {
  package static let verb = "calibrate"

  package var model: String
  package var settings: EvaluationSettings
  package var output: OutputSettings

  package init(model: String, settings: EvaluationSettings, output: OutputSettings) {
    self.model = model
    self.settings = settings
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    try request(inputs(context))
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let inputs = try inputs(context)
    let result = try OutputRun(request(inputs), verb: Self.verb, output, context).run()
    try inputs.journal?.remove()
    return result
  }

  private func inputs(_ context: OperationContext) throws -> EvaluationInputs {
    try EvaluationInputs(
      EvaluatedModels([model], settings, context), settings, verb: Self.verb)
  }

  private func request(_ inputs: EvaluationInputs) throws -> OutputRequest {
    let empty = Calibration(try inputs.model.linearLayers())
    var planned = Checkpoint(
      path: inputs.checkpoint.path, container: .memory, tensors: try empty.tensors(),
      identity: inputs.checkpoint.identity, files: inputs.checkpoint.files)
    planned.lineage = inputs.checkpoint.lineage
    let unmeasured = planned
    // SAFETY: the survey runs after this function, at most once, and nothing else uses the models.
    nonisolated(unsafe) let run = inputs
    return OutputRequest(
      options: settings.lineageOptions, inputs: [inputs.checkpoint], output: planned,
      carried: [],
      survey: OutputSurvey(
        .evaluate, try inputs.demand(), byteCount: 0
      ) { _, _ in
        let calibration = try unsafe run.run(passes: run.model.layerCount) {
          try unsafe $0.calibration(of: run.model)
        }
        var measured = unmeasured
        measured.tensors = try calibration.tensors()
        return SurveyedOutput(output: measured)
      })
  }
}
