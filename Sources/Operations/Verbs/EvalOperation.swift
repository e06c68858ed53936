import Base
import Evaluation
import Networks

/// Runs a model over text: its perplexity or embeddings, and how far they are from those of a base.
package struct EvalOperation: Operation {
  package static let verb = "eval"

  package var model: String
  package var settings: EvaluationSettings
  /// The path of the model to compare with.
  package var against: String?
  /// True if each block is compared with that of the base.
  package var comparesLayers = false
  /// The path of a CSV file with a row for each scored token, or for each sentence.
  package var scores: String?
  /// The path of a file for the embeddings of an encoder.
  package var embeddings: String?
  /// True if these files replace existing ones.
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
    let paths = [model] + [against].compactMap(\.self)
    if let scores {
      try ReportFile.check(scores, replacesExisting: replacesScores, inputs: paths)
    }
    if let embeddings {
      try EmbeddingFiles.check(embeddings, replacesExisting: replacesScores)
      try ReportFile.check(embeddings, replacesExisting: replacesScores, inputs: paths)
    }
    let models = try EvaluatedModels(paths, settings, context)
    if comparesLayers, let base = models.base {
      try Evaluator.checkLayerCounts(models.model, base)
    }
    return models.areEncoders ? try encoded(models) : try predicted(models)
  }

  // MARK: Language models

  private func predicted(_ models: EvaluatedModels) throws -> OperationResult {
    guard embeddings == nil else {
      throw UsageError(
        "\(model.printable) is a language model, and \(setting: "embeddings") is for encoders",
        hint: "write scores of tokens with \(setting: "scores")")
    }
    let inputs = try EvaluationInputs(models, settings, run: "eval\nlayers \(comparesLayers)")
    let report = EvaluationReport(
      model: model, base: against, data: settings.data, windows: inputs.windows,
      kernels: models.kernels, result: try result(inputs))
    try inputs.journal?.remove()
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

  // MARK: Encoders

  private func encoded(_ models: EvaluatedModels) throws -> OperationResult {
    guard scores == nil || against != nil else {
      throw UsageError(
        "\(setting: "scores") of an encoder are cosines with a base",
        hint:
          "name the base with \(setting: "against"), or write \(setting: "embeddings")")
    }
    let inputs = try EncoderInputs(models, settings, comparesLayers: comparesLayers)
    let (found, layers) = try embedded(inputs)
    let comparison = found.count > 1 ? EmbeddingComparison(found[0], base: found[1]) : nil
    if let path = scores, let comparison {
      try EmbeddingFiles.write(comparison, to: path, replacesScores)
    }
    if let path = embeddings {
      try EmbeddingFiles.write(
        found[0], to: path, replacesExisting: replacesScores, models.context)
    }
    let report = EmbeddingReport(
      model: model, base: against, data: inputs.data, dimension: inputs.dimension,
      kernels: models.kernels, written: embeddings, comparison: comparison, layers: layers)
    try inputs.journal?.remove()
    return OperationResult(reports: [report])
  }

  private func embedded(
    _ inputs: EncoderInputs
  ) throws -> ([SentenceEmbeddings], [LayerComparison]) {
    let models = inputs.models
    let layerCount = max(models.model.layerCount, models.base?.layerCount ?? 0)
    guard let base = inputs.base else {
      return try inputs.run(passes: layerCount + 1) {
        (try $0.embeddings(of: [inputs.encoder]), [])
      }
    }
    guard comparesLayers else {
      return try inputs.run(passes: 2 * layerCount + 2) {
        (try $0.embeddings(of: [inputs.encoder, base]), [])
      }
    }
    return try inputs.run(passes: 3 * layerCount + 2) {
      try $0.embeddings(of: inputs.encoder, comparingLayersWith: base)
    }
  }
}
