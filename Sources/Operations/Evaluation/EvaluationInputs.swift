import BLAS
import Base
import Checkpoints
import Evaluation
import Models
import Networks
import Tokenizers

/// The models and the tokens of an evaluation, read and checked.
struct EvaluationInputs {
  private(set) var windows: TokenWindows
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

  /// The inputs of an evaluation on some of the windows.
  func part(_ windows: Range<Int>) -> EvaluationInputs {
    var part = self
    part.windows = self.windows[windows]
    return part
  }

  /// Returns the network of a language model.
  static func model(
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
    try context.evaluating(
      demand(), reserved: reserved, tokenCount: passes * windows.inputs.count
    ) {
      try body(
        Evaluator(
          windows, compute, memory: $0, folder: context.temporaryFolder, progress: $1))
    }
  }

  /// Returns the comparison of the model with `base`.
  func comparison(against base: EvaluatedModel, byLayer: Bool = false) throws -> ModelComparison {
    let layers = max(model.layerCount, base.layerCount)
    return try run(passes: layers * (byLayer ? 3 : 2) + 2) {
      try $0.comparison(of: model, against: base, byLayer: byLayer)
    }
  }
}

extension OperationContext {
  /// Calls `body` with the memory that is free for an evaluation, and a function that shows its progress.
  /// - Parameters:
  ///   - demand: The memory that it needs at least.
  ///   - reserved: The memory that `body` needs beside it, in bytes.
  ///   - tokenCount: How many tokens run through blocks and the output layer, all together.
  func evaluating<Result>(
    _ demand: MemoryBudget.Demand, reserved: Int = 0, tokenCount: Int,
    _ body: (_ memory: Int, _ progress: @escaping @Sendable (Int) -> Void) throws -> Result
  ) throws -> Result {
    var whole = demand
    whole.fixedByteCount += reserved
    let allotment = try memory.allot(whole, jobs: jobs, tiles: .max, valueByteCount: .max)
    let free = max(0, memory.available - allotment.peakByteCount) + demand.fixedByteCount
    let progress = observer.progress
    progress.begin(.evaluate, tensors: 0, byteCount: tokenCount)
    defer { progress.end() }
    return try body(free) { progress.advance(byteCount: $0) }
  }
}
