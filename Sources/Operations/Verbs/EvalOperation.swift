import Base
import Evaluation
import Networks

/// Runs a model over text: its perplexity, and how far its predictions are from those of a base.
package struct EvalOperation: Operation {
  package static let verb = "eval"

  package var model: String
  package var settings: EvaluationSettings
  /// The path of the model to compare with.
  package var against: String?
  /// True if each block is compared with that of the base.
  package var comparesLayers = false
  /// The path of a CSV file with a row for each scored token.
  package var scores: String?
  /// True if that file replaces an existing one.
  package var replacesScores = false

  package init(model: String, settings: EvaluationSettings) {
    self.model = model
    self.settings = settings
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    guard !comparesLayers || against != nil else {
      throw UsageError(
        "\(setting: "by-layer") compares blocks with those of a base",
        hint: "name the base with \(setting: "against")")
    }
    if let scores {
      try ReportFile.check(
        scores, replacesExisting: replacesScores,
        inputs: [model] + [against].compactMap(\.self))
    }
    let inputs = try EvaluationInputs(model, against: against, settings, context)
    if comparesLayers, let base = inputs.base {
      try Evaluator.checkLayerCounts(inputs.model, base)
    }
    let report = EvaluationReport(
      model: model, base: against, data: settings.data, windows: inputs.windows,
      kernels: inputs.kernels, result: try result(inputs))
    return OperationResult(reports: [report])
  }

  private func result(_ inputs: EvaluationInputs) throws -> EvaluationReport.Result {
    let (model, windows) = (inputs.model, inputs.windows)
    guard let base = inputs.base else {
      let scores = try inputs.run(passes: model.layerCount + 1) { try $0.scores(of: model) }
      if let path = self.scores {
        try TokenTable.write(windows, scores, to: path, replacesScores)
      }
      return .perplexity(Perplexity(scores))
    }
    let comparison = try inputs.comparison(against: base, byLayer: comparesLayers)
    if let path = scores {
      try TokenTable.write(windows, comparison.tokens, to: path, replacesScores)
    }
    return .comparison(ComparisonStatistics(comparison.tokens), layers: comparison.layers)
  }
}
