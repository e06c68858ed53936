import Base
import Checkpoints
import Evaluation
import Networks
import TokenData
import Tokenizers

/// The encoders and the sentences of an evaluation, read and checked.
struct EncoderInputs {
  /// The largest number of tokens of a sentence for an encoder that states none.
  private static let standardLimit = 512

  let models: EvaluatedModels
  let encoder: Embedder.Encoder
  let base: Embedder.Encoder?
  let sentences: Sentences
  let data: EmbeddingReport.Data
  /// The number of numbers of an embedding.
  let dimension: Int
  /// The state of the run after a block; nil to keep none.
  let journal: BlockJournal?

  /// - Parameter comparesLayers: True if the blocks of two encoders are compared.
  init(
    _ models: EvaluatedModels, _ settings: EvaluationSettings, comparesLayers: Bool
  ) throws {
    self.models = models
    try Self.check(settings)
    let all = try zip(models.sources, [models.model, models.base].compactMap(\.self)).map {
      try Self.encoder($0, $1, models.compute)
    }
    encoder = all[0].encoder
    base = all.count > 1 ? all[1].encoder : nil
    dimension = all[0].dimension
    guard all.allSatisfy({ $0.dimension == all[0].dimension }) else {
      throw UsageError(
        "the embeddings have \(all.map { "\($0.dimension)" }.joined(separator: " and ")) numbers",
        hint: "compare encoders with embeddings of one size")
    }
    // The stricter limit, so that both encoders read the same tokens.
    let limits = all.map { item in
      min(
        settings.window ?? item.limit ?? Self.standardLimit,
        item.encoder.model.positionLimit ?? .max)
    }
    let limit = limits.min() ?? Self.standardLimit
    if let window = settings.window, window > limit {
      throw UsageError(
        "\(setting: "window") is \(window), but the encoder has embeddings for \(limit) positions")
    }
    var cut = 0
    sentences = try Self.sentences(settings, models, limit: limit, cut: &cut)
    try sentences.check(vocabularySize: models.model.vocabularySize, path: models.model.path)
    data = EmbeddingReport.Data(
      files: settings.data, sentenceCount: sentences.count, tokenCount: sentences.tokenCount,
      limit: limit, cutCount: cut)
    journal = try models.journal(
      settings, run: "eval encoders\nlayers \(comparesLayers)", tokens: sentences.hash)
  }

  private static func check(_ settings: EvaluationSettings) throws(UsageError) {
    let unused: [(Bool, String)] = [
      (settings.stride != nil, "stride"), (settings.tokenLimit != nil, "tokens"),
      (settings.start != .auto, "bos"),
    ]
    guard let name = unused.first(where: \.0)?.1 else { return }
    throw UsageError(
      "\(setting: name) is for language models, but the model is an encoder of sentences",
      hint: "leave it out; \(setting: "window") limits the tokens of a sentence")
  }

  private static func encoder(
    _ source: EvaluatedSource, _ model: EvaluatedModel, _ compute: Compute
  ) throws -> (encoder: Embedder.Encoder, dimension: Int, limit: Int?) {
    let modules = try SentenceModules { try source.files.smallFile($0) }
    let head = try SentenceHead(
      modules, source.checkpoint, width: model.hiddenSize, compute)
    return (Embedder.Encoder(model, head), head.dimension, modules.maximumLength)
  }

  private static func sentences(
    _ settings: EvaluationSettings, _ models: EvaluatedModels, limit: Int, cut: inout Int
  ) throws -> Sentences {
    let text = try EvaluationText(settings, models.context)
    let tokenizer = try text.tokenizer(
      for: models.sources[0], vocabularySize: models.model.vocabularySize)
    guard let tokenizer else {
      throw UsageError(
        "\(models.model.path.printable) has no tokenizer.json",
        hint: "name a tokenizer with \(setting: "tokenizer")")
    }
    let (prefix, suffix) = (tokenizer.prefixIDs, tokenizer.suffixIDs)
    let room = limit - prefix.count - suffix.count
    guard room > 0 else {
      throw UsageError("\(limit.counted("token")) leave no room for a sentence")
    }
    var all: [[Int32]] = []
    for path in settings.data {
      try TokenInput.checkName(path)
      var reader = TextTokenReader(
        try InputFile(path: path),
        path.hasSuffix(".jsonl") ? .lines(member: "text") : .sentences, tokenizer,
        addSpecialTokens: false)
      while let ids = try reader.nextWholeText() {
        if ids.count > room { cut += 1 }
        all.append(prefix + ids.prefix(room) + suffix)
      }
    }
    return try Sentences(all)
  }

  // MARK: Work

  /// Calls `body` with an embedder that has all memory that is free, while progress is shown.
  /// - Parameter passes: How often all tokens run through a block.
  func run<Result>(passes: Int, _ body: (Embedder) throws -> Result) throws -> Result {
    let demand = MemoryBudget.Demand(
      fixedByteCount: try [encoder, base].compactMap(\.self).reduce(0) {
        try $0 + Embedder.byteCount(of: $1, sentences, jobs: models.compute.jobs)
      }, workerByteCount: 0)
    return try models.context.evaluating(
      models.compute, demand, tokenCount: passes * sentences.tokenCount
    ) {
      try body(Embedder(sentences, $0, journal: journal))
    }
  }
}
