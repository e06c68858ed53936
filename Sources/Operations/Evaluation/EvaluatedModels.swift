import BLAS
import Base
import Checkpoints
import Evaluation
import Models
import Networks
import Tokenizers

/// The models of an evaluation, read and checked: one, or one and its base.
struct EvaluatedModels {
  /// A model with the files that belong to it.
  struct Found {
    let model: EvaluatedModel
    let configuration: ModelConfiguration
    let files: ModelFiles

    init(_ path: String, _ compute: Compute, _ context: OperationContext) throws {
      files = ModelFiles(checkpoint: try context.read(path, for: .report), path: path)
      configuration = try files.configuration()
      model = try EvaluatedModel(files.checkpoint, configuration, compute)
      guard model.hasLogits || model.isTextEncoder else {
        throw UsageError(
          "\(path.printable) is an encoder of images", hint: "evaluate models of texts")
      }
    }
  }

  let found: [Found]
  let compute: Compute
  /// The kernels of the matrix products, for reports.
  let kernels: String
  let context: OperationContext

  /// Reads headers and configurations, and reports all faults of the models together.
  init(
    _ paths: [String], _ settings: EvaluationSettings, _ context: OperationContext
  ) throws {
    guard !settings.data.isEmpty else {
      throw UsageError("there is no text to run over", hint: "name one with \(setting: "data")")
    }
    if settings.resumeFolder != nil, paths.contains(OperationContext.standardInputPath) {
      throw UsageError(
        "a model from standard input cannot be recognized in another run",
        hint: "leave out \(setting: "resume"), or name a file")
    }
    let library = try BLAS.load(
      settings.kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    compute = Compute(library)
    kernels = "\(settings.kernels.rawValue) (\(library.library.coreName))"
    self.context = context
    var (found, faults) = ([Found](), [any UserError]())
    for path in paths {
      do { found.append(try Found(path, compute, context)) } catch let error as SeveralErrors {
        faults += error.errors
      } catch let error as any UserError { faults.append(error) }
    }
    try SeveralErrors.throwIfAny(faults)
    self.found = found
    guard found.allSatisfy({ $0.model.hasLogits == found[0].model.hasLogits }) else {
      throw UsageError(
        "one model predicts tokens, and the other makes embeddings",
        hint: "compare models of the same kind")
    }
    try checkVocabularies()
  }

  /// True if the models make embeddings of sentences.
  var areEncoders: Bool { !found[0].model.hasLogits }
  var model: EvaluatedModel { found[0].model }
  var base: EvaluatedModel? { found.count > 1 ? found[1].model : nil }

  private func checkVocabularies() throws(UsageError) {
    guard let base, base.vocabularySize != model.vocabularySize else { return }
    throw UsageError(
      "the vocabularies differ: \(model.vocabularySize.grouped) tokens in \(model.path.printable), "
        + "\(base.vocabularySize.grouped) in \(base.path.printable)",
      hint: "compare models with the same vocabulary")
  }

  /// Returns the tokenizer of the model, or the one that the settings name; nil if there is none.
  func tokenizer(_ settings: EvaluationSettings) throws -> Tokenizer? {
    let tokenizer =
      try settings.tokenizer.map { try Tokenizer.load(from: InputFile(path: $0)) }
      ?? found[0].files.tokenizer()
    if let tokenizer, tokenizer.idLimit > model.vocabularySize {
      throw UsageError(
        "\(tokenizer.path.printable) has ids up to \(tokenizer.idLimit - 1), but the model knows "
          + "\(model.vocabularySize.grouped) tokens",
        hint: "use the tokenizer that belongs to the model")
    }
    return tokenizer
  }

  // MARK: Work

  /// Returns the file that a run goes on from after it was killed; nil if the settings name no folder.
  /// - Parameters:
  ///   - verb: The command, with the options that are not part of the tokens.
  ///   - tokens: A hash of all tokens.
  func journal(
    _ settings: EvaluationSettings, verb: String, tokens: UInt64
  ) throws -> BlockJournal? {
    guard let folder = settings.resumeFolder else { return nil }
    var lines = ["sumac \(Version.current)", verb, "kernels \(kernels)", "tokens \(tokens)"]
    for item in found {
      let checkpoint = item.files.checkpoint
      let paths = checkpoint.files.compactMap { $0.file?.path }
      lines.append("model \(checkpoint.identity.id) \(try FileStamp(of: paths).text)")
    }
    return try BlockJournal(folder: folder, key: lines.joined(separator: "\n")) { [context] in
      context.observer.report(.note($0))
    }
  }

  /// Calls `body` with all memory that is free, while progress is shown.
  /// - Parameters:
  ///   - demand: The memory that the run needs at least.
  ///   - tokenCount: The number of tokens that blocks and the output layer process.
  func run<Result>(
    _ demand: MemoryBudget.Demand, tokenCount: Int,
    _ body: (_ memory: Int, _ progress: @escaping @Sendable (Int) -> Void) throws -> Result
  ) throws -> Result {
    let allotment = try context.memory.allot(
      demand, jobs: context.jobs, tiles: .max, valueByteCount: .max)
    let free = max(0, context.memory.limit - allotment.peakByteCount) + demand.fixedByteCount
    let progress = context.observer.progress
    progress.begin(.evaluate, tensors: 0, byteCount: tokenCount)
    defer { progress.end() }
    return try body(free) { progress.advance(byteCount: $0) }
  }
}
