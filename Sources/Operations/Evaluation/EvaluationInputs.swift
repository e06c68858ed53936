import Base
import Checkpoints
import Evaluation
import Networks

/// The language models and the tokens of an evaluation, read and checked.
struct EvaluationInputs {
  private(set) var windows: TokenWindows
  private let models: EvaluatedModels
  /// The state of the run after a block; nil to keep none.
  private(set) var journal: BlockJournal?

  /// Reads headers, configurations and tokens, and reports all faults of the models together.
  /// - Parameter run: The command with its options that are not part of the tokens.
  init(
    _ path: String, against: String? = nil, _ settings: EvaluationSettings, run: String,
    _ context: OperationContext
  ) throws {
    try self.init(
      EvaluatedModels([path] + [against].compactMap(\.self), settings, context), settings, run: run)
  }

  /// Reads the tokens, made with the tokenizer and for the context of the model.
  /// - Parameter run: The command with its options that are not part of the tokens.
  init(_ models: EvaluatedModels, _ settings: EvaluationSettings, run: String) throws {
    try models.model.checkLogits()
    try self.init(
      models,
      windows: EvaluationText(settings, models.context).windows(
        for: models.sources[0], vocabularySize: models.model.vocabularySize))
    journal = try models.journal(settings, run: run, tokens: windows.hash)
  }

  /// Checks a model and a base. No state of the run is kept.
  /// - Parameter windows: The tokens, if they are known already; those of the settings otherwise, made with the tokenizer
  ///   and for the context of the base.
  init(
    _ source: EvaluatedSource, against base: EvaluatedSource, _ settings: EvaluationSettings,
    windows: TokenWindows? = nil, _ context: OperationContext
  ) throws {
    let models = try EvaluatedModels([source, base], settings, context)
    try models.model.checkLogits()
    try self.init(
      models,
      windows: windows
        ?? EvaluationText(settings, context).windows(
          for: base, vocabularySize: models.model.vocabularySize))
  }

  private init(_ models: EvaluatedModels, windows: TokenWindows) throws {
    self.models = models
    self.windows = windows
    try windows.check(vocabularySize: models.model.vocabularySize, path: models.model.path)
  }

  /// The inputs of an evaluation on some of the windows, of which no state is kept.
  func part(_ windows: Range<Int>) -> EvaluationInputs {
    var part = self
    part.windows = self.windows[windows]
    part.journal = nil
    return part
  }

  var model: EvaluatedModel { models.model }
  var base: EvaluatedModel? { models.base }
  /// The model as it was read.
  var source: EvaluatedSource { models.sources[0] }
  /// The checkpoint of the model.
  var checkpoint: Checkpoint { source.checkpoint }
  /// The checkpoint of the base, if there is one.
  var others: [Checkpoint] { models.sources.dropFirst().map(\.checkpoint) }
  var compute: Compute { models.compute }
  /// The kernels of the matrix products, for reports.
  var kernels: String { models.kernels }
  private var context: OperationContext { models.context }

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
      compute, demand(), reserved: reserved, tokenCount: passes * windows.inputs.count
    ) {
      try body(Evaluator(windows, $0, journal: journal))
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
  /// Calls `body` with the means of an evaluation: all memory that is free, and a function that shows progress.
  /// - Parameters:
  ///   - demand: The memory that it needs at least.
  ///   - reserved: The memory that `body` needs beside it, in bytes.
  ///   - tokenCount: How many tokens run through blocks and the output layer, all together.
  func evaluating<Result>(
    _ compute: Compute, _ demand: MemoryBudget.Demand, reserved: Int = 0, tokenCount: Int,
    _ body: (EvaluationResources) throws -> Result
  ) throws -> Result {
    var whole = demand
    whole.fixedByteCount += reserved
    let allotment = try memory.allot(whole, jobs: jobs, tiles: .max, valueByteCount: .max)
    let free = max(0, memory.available - allotment.peakByteCount) + demand.fixedByteCount
    let progress = observer.progress
    progress.begin(.evaluate, tensors: 0, byteCount: tokenCount)
    defer { progress.end() }
    return try body(
      EvaluationResources(compute, memory: free, folder: temporaryFolder) {
        progress.advance(byteCount: $0)
      })
  }
}
