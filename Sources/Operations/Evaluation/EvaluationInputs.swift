import BLAS
import Base
import Checkpoints
import Evaluation
import Models
import Networks
import Tokenizers

/// The models and the tokens of an evaluation, read and checked.
struct EvaluationInputs {
  let windows: TokenWindows
  let model: EvaluatedModel
  let base: EvaluatedModel?
  /// The model as it was read.
  let source: EvaluatedSource
  /// The checkpoint of the base, if there is one.
  let others: [Checkpoint]
  let compute: Compute
  /// The kernels of the matrix products, for reports.
  let kernels: String
  private let context: OperationContext

  /// Reads headers, configurations and tokens, and reports all faults of the models together.
  init(
    _ path: String, against: String? = nil, _ settings: EvaluationSettings,
    _ context: OperationContext
  ) throws {
    try self.init(settings, context) {
      ([path] + [against].compactMap(\.self)).map { path in
        { try EvaluatedSource(path, context) }
      }
    } windows: { sources, models in
      try EvaluationText(settings, context).windows(
        for: sources[0], vocabularySize: models[0].vocabularySize)
    }
  }

  /// Checks a model and a base.
  /// - Parameter windows: The tokens, if they are known already; those of the settings otherwise, made with the tokenizer
  ///   and for the context of the base.
  init(
    _ source: EvaluatedSource, against base: EvaluatedSource, _ settings: EvaluationSettings,
    windows: TokenWindows? = nil, _ context: OperationContext
  ) throws {
    try self.init(settings, context) {
      return [{ source }, { base }]
    } windows: { sources, models in
      try windows
        ?? EvaluationText(settings, context).windows(
          for: sources[1], vocabularySize: models[1].vocabularySize)
    }
  }

  private init(
    _ settings: EvaluationSettings, _ context: OperationContext,
    sources: () -> [() throws -> EvaluatedSource],
    windows makeWindows: ([EvaluatedSource], [EvaluatedModel]) throws -> TokenWindows
  ) throws {
    let library = try BLAS.load(
      settings.kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    compute = Compute(library)
    kernels = "\(settings.kernels.rawValue) (\(library.library.coreName))"
    self.context = context
    var (found, models, faults) = ([EvaluatedSource](), [EvaluatedModel](), [any UserError]())
    for source in sources() {
      do {
        let source = try source()
        models.append(try Self.model(source, compute))
        found.append(source)
      } catch let error as SeveralErrors {
        faults += error.errors
      } catch let error as any UserError { faults.append(error) }
    }
    try SeveralErrors.throwIfAny(faults)
    model = models[0]
    base = models.count > 1 ? models[1] : nil
    source = found[0]
    others = found.dropFirst().map(\.checkpoint)
    windows = try makeWindows(found, models)
    try windows.check(vocabularySize: model.vocabularySize, path: model.path)
    try checkVocabularies()
  }

  private static func model(
    _ source: EvaluatedSource, _ compute: Compute
  ) throws -> EvaluatedModel {
    let model = try EvaluatedModel(source.checkpoint, source.configuration, compute)
    guard model.hasLogits else {
      throw UsageError(
        "\(model.path.printable) is an encoder, which predicts no tokens",
        hint: "perplexity is defined for language models")
    }
    return model
  }

  private func checkVocabularies() throws(UsageError) {
    guard let base, base.vocabularySize != model.vocabularySize else { return }
    throw UsageError(
      "the vocabularies differ: \(model.vocabularySize.grouped) tokens in \(model.path.printable), "
        + "\(base.vocabularySize.grouped) in \(base.path.printable)",
      hint: "compare models with the same vocabulary")
  }

  /// The checkpoint of the model.
  var checkpoint: Checkpoint { source.checkpoint }

  // MARK: Work

  /// The memory that a run needs at least.
  func demand() throws -> MemoryBudget.Demand {
    MemoryBudget.Demand(
      fixedByteCount: try [model, base].compactMap(\.self).reduce(0) {
        try $0 + Evaluator.byteCount(of: $1, windows, jobs: compute.jobs)
      }, workerByteCount: 0)
  }

  /// Calls `body` with an evaluator that has all memory that is free, while progress is shown.
  /// - Parameters:
  ///   - passes: How often all tokens run through a block or the output layer.
  ///   - reserved: The memory that `body` needs beside the evaluator, in bytes.
  func run<Result>(
    passes: Int, reserved: Int = 0, _ body: (Evaluator) throws -> Result
  ) throws -> Result {
    var demand = try demand()
    demand.fixedByteCount += reserved
    let allotment = try context.memory.allot(
      demand, jobs: context.jobs, tiles: .max, valueByteCount: .max)
    let free =
      max(0, context.memory.available - allotment.peakByteCount) + demand.fixedByteCount - reserved
    let progress = context.observer.progress
    progress.begin(.evaluate, tensors: 0, byteCount: passes * windows.inputs.count)
    defer { progress.end() }
    return try body(
      Evaluator(windows, compute, memory: free, folder: context.temporaryFolder) {
        progress.advance(byteCount: $0)
      })
  }

  /// Returns the comparison of the model with `base`.
  func comparison(against base: EvaluatedModel, byLayer: Bool = false) throws -> ModelComparison {
    let layers = max(model.layerCount, base.layerCount)
    return try run(passes: layers * (byLayer ? 3 : 2) + 2) {
      try $0.comparison(of: model, against: base, byLayer: byLayer)
    }
  }
}
