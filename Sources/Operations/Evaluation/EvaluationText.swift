import Base
import Evaluation
import Models
import Tokenizers

/// The text of an evaluation, cut into windows of tokens.
struct EvaluationText {
  /// The length of windows for models that were trained on longer ones.
  private static let standardLength = 512

  private let settings: EvaluationSettings
  private let context: OperationContext

  init(_ settings: EvaluationSettings, _ context: OperationContext) throws {
    guard !settings.data.isEmpty else {
      throw UsageError("there is no text to run over", hint: "name one with \(setting: "data")")
    }
    self.settings = settings
    self.context = context
  }

  /// Reads the text with the tokenizer of a model, in windows that fit its context.
  func windows(for source: EvaluatedSource, vocabularySize: Int) throws -> TokenWindows {
    let tokenizer = try tokenizer(for: source, vocabularySize: vocabularySize)
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
    let trained = try? source.configuration.maximumPositions
    let start = try start(tokenizer, source)
    try SeveralErrors.throwIfAny(
      zip(settings.data, inputs).filter { $1.tokens.count < (start == nil ? 2 : 1) }.map {
        UsageError(
          "\($0.printable) has \($1.tokens.count.counted("token")), too few to score one",
          hint: "give more text")
      })
    let windows = try TokenWindows(
      texts: inputs.map(\.tokens),
      length: settings.window ?? min(Self.standardLength, trained ?? Self.standardLength),
      stride: settings.stride, start: start)
    if let trained, windows.length > trained {
      context.observer.report(
        .warning(
          "windows of \(windows.length.grouped) tokens are longer than the \(trained.grouped) positions that "
            + "\(source.files.path.printable) was trained on"))
    }
    return windows
  }

  /// Returns the tokenizer of the settings, or that of a model; nil without one.
  func tokenizer(
    for source: EvaluatedSource, vocabularySize: Int
  ) throws -> Tokenizer? {
    let tokenizer =
      try settings.tokenizer.map { try Tokenizer.load(from: InputFile(path: $0)) }
      ?? source.files.tokenizer()
    if let tokenizer, tokenizer.idLimit > vocabularySize {
      throw UsageError(
        "\(tokenizer.path.printable) has ids up to \(tokenizer.idLimit - 1), but the model knows "
          + "\(vocabularySize.grouped) tokens",
        hint: "use the tokenizer that belongs to the model")
    }
    return tokenizer
  }

  /// Returns the token that each window starts with; nil for none.
  func start(_ tokenizer: Tokenizer?, _ source: EvaluatedSource) throws -> Int32? {
    switch settings.start {
    case .never: return nil
    case .auto: return tokenizer?.beginningID
    case .always:
      let id =
        source.configuration.object["bos_token_id"]?.asInt
        ?? tokenizer?.beginningID.map { Int($0) }
      guard let id, let token = Int32(exactly: id) else {
        throw FormatError(
          .evaluatedModel, "config.json has no bos_token_id", path: source.files.path,
          hint:
            "leave out \(setting: "bos"), or name a tokenizer that has a token for the beginning")
      }
      return token
    }
  }
}
