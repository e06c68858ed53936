import BLAS
import Base
import Checkpoints
import Evaluation
import Models
import Networks

/// A language model and the tokens of one text, read and checked.
struct SequenceInputs {
  let model: EvaluatedModel
  let files: ModelFiles
  let configuration: ModelConfiguration
  /// The tokens, the first of which is that for the beginning if the tokenizer puts it there.
  let tokens: [Int32]
  let compute: Compute
  /// The kernels of the matrix products, for reports.
  let kernels: String
  private let context: OperationContext

  /// Reads headers, the configuration and the tokens.
  init(_ path: String, _ settings: SequenceSettings, _ context: OperationContext) throws {
    if let number = settings.context, !(1...Self.positionLimit ~= number) {
      throw UsageError(
        "\(setting: "context") is \(number), expected 1 to \(Self.positionLimit.grouped)")
    }
    let library = try BLAS.load(
      settings.kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    compute = Compute(library)
    kernels = "\(settings.kernels.rawValue) (\(library.library.coreName))"
    self.context = context
    let source = try EvaluatedSource(path, context)
    model = try EvaluatedModel(source.checkpoint, source.configuration, compute)
    try model.checkLogits()
    files = source.files
    configuration = source.configuration
    tokens = try Self.tokens(settings, source, model.vocabularySize, context)
  }

  /// The largest number of positions that can be asked for.
  private static let positionLimit = 1 << 32

  private static func tokens(
    _ settings: SequenceSettings, _ source: EvaluatedSource, _ vocabularySize: Int,
    _ context: OperationContext
  ) throws -> [Int32] {
    let text = try EvaluationText(settings.evaluation, context)
    let tokenizer = try text.tokenizer(for: source, vocabularySize: vocabularySize)
    let input = try TokenInput.read(settings.data, tokenizer: tokenizer, limit: nil, context)
    guard input.rowLength == nil else {
      throw UsageError(
        "\(settings.data.printable) has rows of tokens, expected one text",
        hint: "give tokens in one dimension")
    }
    let start = try text.start(tokenizer, source)
    let tokens = [start].compactMap(\.self) + input.tokens
    if let place = tokens.firstIndex(where: { $0 < 0 || $0 >= vocabularySize }) {
      throw UsageError(
        "token \(place) is \(tokens[place]), but \(source.files.path.printable) knows tokens from 0 to "
          + "\(vocabularySize - 1)",
        hint: "use tokens that were made with the tokenizer of the model")
    }
    return tokens
  }

  /// Warns if positions are beyond those that the model was trained on.
  func checkPositions(_ count: Int) {
    guard let trained = try? configuration.maximumPositions, count > trained else { return }
    context.observer.report(
      .warning(
        "\(count.grouped) tokens are more than the \(trained.grouped) positions that "
          + "\(files.path.printable) was trained on"))
  }

  /// Calls `body` with an evaluator that has all memory that is free, while progress is shown.
  /// - Parameters:
  ///   - needed: The memory that it needs at least, in bytes.
  ///   - passed: How many tokens run through blocks and the output layer, all together.
  func run<Result>(
    _ sequence: CachedSequence, needed: Int, passed: Int,
    _ body: (SequenceEvaluator) throws -> Result
  ) throws -> Result {
    let demand = MemoryBudget.Demand(fixedByteCount: needed, workerByteCount: 0)
    return try context.evaluating(compute, demand, tokenCount: passed) {
      try body(SequenceEvaluator(sequence, $0))
    }
  }
}
