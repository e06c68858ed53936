import BLAS
import Base
import Checkpoints
import Evaluation
import Models
import Networks
import Tokenizers

/// The models and the tokens of an evaluation, read and checked.
struct EvaluationInputs {
  /// The length of windows for models that were trained on longer ones.
  private static let standardLength = 512

  let windows: TokenWindows
  let model: EvaluatedModel
  let base: EvaluatedModel?
  /// The checkpoint of the model.
  let checkpoint: Checkpoint
  let compute: Compute
  /// The kernels of the matrix products, for reports.
  let kernels: String
  private let context: OperationContext

  /// Reads headers, configurations and tokens, and reports all faults of the models together.
  init(
    _ path: String, against: String? = nil, _ settings: EvaluationSettings,
    _ context: OperationContext
  ) throws {
    guard !settings.data.isEmpty else {
      throw UsageError("there is no text to run over", hint: "name one with \(setting: "data")")
    }
    let library = try BLAS.load(
      settings.kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    compute = Compute(library)
    kernels = "\(settings.kernels.rawValue) (\(library.library.coreName))"
    self.context = context
    let paths = [path] + [against].compactMap(\.self)
    var (found, faults) = ([Found](), [any UserError]())
    for path in paths {
      do { found.append(try Found(path, compute, context)) } catch let error as SeveralErrors {
        faults += error.errors
      } catch let error as any UserError { faults.append(error) }
    }
    try SeveralErrors.throwIfAny(faults)
    model = found[0].model
    base = found.count > 1 ? found[1].model : nil
    checkpoint = found[0].files.checkpoint
    windows = try Self.windows(settings, found[0], context)
    try windows.check(vocabularySize: model.vocabularySize, path: path)
    try checkVocabularies()
  }

  /// A model with the files that belong to it.
  struct Found {
    let model: EvaluatedModel
    let configuration: ModelConfiguration
    let files: ModelFiles

    init(_ path: String, _ compute: Compute, _ context: OperationContext) throws {
      files = ModelFiles(checkpoint: try context.read(path, for: .report), path: path)
      configuration = try files.configuration()
      model = try EvaluatedModel(files.checkpoint, configuration, compute)
      guard model.hasLogits else {
        throw UsageError(
          "\(path.printable) is an encoder, which predicts no tokens",
          hint: "perplexity is defined for language models")
      }
    }
  }

  private func checkVocabularies() throws(UsageError) {
    guard let base, base.vocabularySize != model.vocabularySize else { return }
    throw UsageError(
      "the vocabularies differ: \(model.vocabularySize.grouped) tokens in \(model.path.printable), "
        + "\(base.vocabularySize.grouped) in \(base.path.printable)",
      hint: "compare models with the same vocabulary")
  }

  // MARK: Data

  private static func windows(
    _ settings: EvaluationSettings, _ found: Found, _ context: OperationContext
  ) throws -> TokenWindows {
    let tokenizer = try tokenizer(settings, found)
    var inputs = try settings.data.map {
      try TokenInput.read($0, tokenizer: tokenizer, context)
    }
    if let limit = settings.tokenLimit {
      for index in inputs.indices where inputs[index].rowLength == nil {
        inputs[index].tokens = Array(inputs[index].tokens.prefix(limit))
      }
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

  static func tokenizer(
    _ settings: EvaluationSettings, _ found: Found
  ) throws -> Tokenizer? {
    let tokenizer =
      try settings.tokenizer.map { try Tokenizer.load(from: InputFile(path: $0)) }
      ?? found.files.tokenizer()
    if let tokenizer, tokenizer.idLimit > found.model.vocabularySize {
      throw UsageError(
        "\(tokenizer.path.printable) has ids up to \(tokenizer.idLimit - 1), but the model knows "
          + "\(found.model.vocabularySize.grouped) tokens",
        hint: "use the tokenizer that belongs to the model")
    }
    return tokenizer
  }

  static func start(
    _ settings: EvaluationSettings, _ tokenizer: Tokenizer?, _ found: Found
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
        try $0 + Evaluator.byteCount(of: $1, windows, jobs: compute.jobs)
      }, workerByteCount: 0)
  }

  /// Calls `body` with an evaluator that has all memory that is free, while progress is shown.
  /// - Parameter passes: How often all tokens run through a block or the output layer.
  func run<Result>(passes: Int, _ body: (Evaluator) throws -> Result) throws -> Result {
    try context.evaluating(demand(), tokenCount: passes * windows.inputs.count) {
      try body(
        Evaluator(
          windows, compute, memory: $0, folder: context.temporaryFolder, progress: $1))
    }
  }
}

extension OperationContext {
  /// Calls `body` with the memory that is free for an evaluation, and a function that shows its progress.
  /// - Parameters:
  ///   - demand: The memory that it needs at least.
  ///   - tokenCount: How many tokens run through blocks and the output layer, all together.
  func evaluating<Result>(
    _ demand: MemoryBudget.Demand, tokenCount: Int,
    _ body: (_ memory: Int, _ progress: @escaping @Sendable (Int) -> Void) throws -> Result
  ) throws -> Result {
    let allotment = try memory.allot(demand, jobs: jobs, tiles: .max, valueByteCount: .max)
    let free = max(0, memory.limit - allotment.peakByteCount) + demand.fixedByteCount
    let progress = observer.progress
    progress.begin(.evaluate, tensors: 0, byteCount: tokenCount)
    defer { progress.end() }
    return try body(free) { progress.advance(byteCount: $0) }
  }
}
