import Base
import Checkpoints
package import Reporting
import Rotary
import Training

/// Trains the frequencies of a model for a longer context in a run folder, in which the same command continues.
///
/// The result is the model with the layer of CLEX and a configuration that names it; with `lora:RANK`, the weights stay as
/// they are and adapters are written beside the model.
/// Source: Chen et al., "CLEX: Continuous length extrapolation for large language models", ICLR 2024.
package struct RopeFitOperation: PlannedTraining {
  package static let verb = "rope fit"

  package var model: String
  package var settings: TrainSettings
  /// The path of the run folder.
  package var output: String
  package var fit = RopeFitSettings()

  package init(model: String, settings: TrainSettings, output: String) {
    self.model = model
    self.settings = settings
    self.output = output
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let inputs = try inputs(context)
    let training = TrainRunOperation(
      model: model, settings: settings, output: output, verb: Self.verb, options: lineageOptions)
    let result = try training.run(inputs, context)
    return OperationResult(reports: [
      TrainingReport(
        model: model, folder: output, output: output + "/" + TrainRunOperation.modelName, result,
        kept: inputs.recipe.kept)
    ])
  }

  package func plan(_ context: OperationContext) throws -> any Report {
    let inputs = try inputs(context)
    let plan = try inputs.plan(context)
    try RunFolder.check(output, command: inputs.command)
    return TrainingPlanReport(model: model, folder: output, inputs, plan, context)
  }

  private func inputs(_ context: OperationContext) throws -> TrainingInputs {
    try TrainingInputs(model, settings, rope: fit, context)
  }

  private var lineageOptions: [Lineage.Option] {
    var options = [Lineage.Option("method", "clex"), Lineage.Option("train", fit.part)]
    if let factor = fit.maximumFactor {
      options.append(Lineage.Option("max-factor", String(factor)))
    }
    let numbers = [
      ("param-factor", fit.parameterFactor), ("time-dt", fit.solverStep),
      ("projection-rate", fit.projectionRate),
    ]
    options += numbers.compactMap { name, value in value.map { Lineage.Option(name, "\($0)") } }
    if let activation = fit.activation {
      options.append(Lineage.Option("act", activation.rawValue))
    }
    return options
  }
}
