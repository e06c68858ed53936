import Base
import Checkpoints
import Evaluation
import Models
import Networks
import Tokenizers

/// The models and the tokens of an evaluation of language models, read and checked.
struct EvaluationInputs {
  /// The length of windows for models that were trained on longer ones.
  private static let standardLength = 512

  let windows: TokenWindows
  let models: EvaluatedModels
  /// The state of the run after a block; nil to keep none.
  let journal: BlockJournal?

  var model: EvaluatedModel { models.model }
  var base: EvaluatedModel? { models.base }
  /// The checkpoint of the model.
  var checkpoint: Checkpoint { models.found[0].files.checkpoint }

  /// Reads the tokens.
  /// - Parameter verb: The command, with its options that are not part of the tokens.
  init(_ models: EvaluatedModels, _ settings: EvaluationSettings, verb: String) throws {
    guard !models.areEncoders else {
      throw UsageError(
        "\(models.model.path.printable) is an encoder, which predicts no tokens",
        hint: "the inputs of language models are measured")
    }
    self.models = models
    windows = try Self.windows(settings, models)
    try windows.check(vocabularySize: models.model.vocabularySize, path: models.model.path)
    journal = try models.journal(settings, verb: verb, tokens: windows.hash)
  }

  // MARK: Data

  private static func windows(
    _ settings: EvaluationSettings, _ models: EvaluatedModels
  ) throws -> TokenWindows {
    let (found, context) = (models.found[0], models.context)
    let tokenizer = try models.tokenizer(settings)
    let inputs = try settings.data.map {
      try TokenInput.read($0, tokenizer: tokenizer, limit: settings.tokenLimit, context)
    }
    if let length = inputs.compactMap(\.rowLength).first {
      guard inputs.allSatisfy({ $0.rowLength == length }), settings.window == nil,
        settings.stride == nil
      else {
        throw UsageError(
          "rows of tokens are windows as they are, and all must have one length",
          hint:
            "leave out \(setting: "window") and \(setting: "stride"), or give tokens in one dimension"
        )
      }
      return try TokenWindows(rows: inputs.flatMap(\.tokens), length: length)
    }
    let trained = try? found.configuration.maximumPositions
    let length = settings.window ?? min(standardLength, trained ?? standardLength)
    if let trained, length > trained {
      context.observer.report(
        .warning(
          "windows of \(length.grouped) tokens are longer than the \(trained.grouped) positions that "
            + "\(found.files.path.printable) was trained on"))
    }
    return try TokenWindows(
      texts: inputs.map(\.tokens), length: length, stride: settings.stride,
      start: try start(settings, tokenizer, found))
  }

  private static func start(
    _ settings: EvaluationSettings, _ tokenizer: Tokenizer?, _ found: EvaluatedModels.Found
  ) throws -> Int32? {
    switch settings.start {
    case .never: return nil
    case .auto: return tokenizer?.beginningID
    case .always:
      let id =
        found.configuration.object["bos_token_id"]?.asInt ?? tokenizer?.beginningID.map { Int($0) }
      guard let id, let token = Int32(exactly: id) else {
        throw FormatError(
          .evaluatedModel, "config.json has no bos_token_id", path: found.files.path,
          hint:
            "leave out \(setting: "bos"), or name a tokenizer that has a token for the beginning")
      }
      return token
    }
  }

  // MARK: Work

  /// The memory that a run needs at least.
  func demand() throws -> MemoryBudget.Demand {
    MemoryBudget.Demand(
      fixedByteCount: try [model, base].compactMap(\.self).reduce(0) {
        try $0 + Evaluator.byteCount(of: $1, windows, jobs: models.compute.jobs)
      }, workerByteCount: 0)
  }

  /// Calls `body` with an evaluator that has all memory that is free, while progress is shown.
  /// - Parameter passes: How often all tokens run through a block or the output layer.
  func run<Result>(passes: Int, _ body: (Evaluator) throws -> Result) throws -> Result {
    try models.run(demand(), tokenCount: passes * windows.inputs.count) { memory, progress in
      try body(
        Evaluator(
          windows, models.compute, memory: memory, folder: models.context.temporaryFolder,
          journal: journal, progress: progress))
    }
  }
}
