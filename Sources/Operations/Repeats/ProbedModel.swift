import Base
import Checkpoints
import Evaluation
import InductionHeads
import Models
import Networks

/// A model that is run over sequences which repeat a segment.
struct ProbedModel {
  private let models: EvaluatedModels
  private let settings: ProbeSettings
  private let context: OperationContext
  private let sequences: ProbeSequences
  private let copies: ProbeSequences

  /// Reads headers, configuration and tokens.
  /// - Throws: ``UsageError`` for a model without heads, or settings that do not fit it.
  init(_ path: String, _ settings: ProbeSettings, _ context: OperationContext) throws {
    self.settings = settings
    self.context = context
    var evaluation = EvaluationSettings()
    evaluation.kernels = settings.kernels
    models = try EvaluatedModels([path], evaluation, context)
    try models.model.checkLogits()
    guard models.model.hasAttentionHeads else {
      throw UsageError(
        "\(path.printable) has no causal attention of heads", hint: "name a language model")
    }
    let start = try Self.start(settings, models)
    sequences = try Self.sequences(
      settings.tokens, copyCount: 2, count: settings.sequenceCount, start, settings, models)
    copies = try Self.sequences(
      settings.copies, copyCount: settings.copyCount, count: 1, start, settings, models)
    guard sequences.copyCount == 2 else {
      throw UsageError(
        "\((settings.tokens ?? "").printable): the segment occurs \(sequences.copyCount) times, "
          + "expected 2",
        hint: "give rows with more copies to \(setting: "copies")")
    }
  }

  /// The kernels of the matrix products, for reports.
  var kernels: String { models.kernels }

  // MARK: Sequences

  private static func start(_ settings: ProbeSettings, _ models: EvaluatedModels) throws -> Int32 {
    let size = models.model.vocabularySize
    if let start = settings.start {
      guard (0..<size).contains(start) else {
        throw UsageError("\(setting: "start") is \(start), expected a token from 0 to \(size - 1)")
      }
      return Int32(start)
    }
    let configured = models.sources[0].configuration.object["bos_token_id"]?.asInt
    return configured.flatMap { (0..<size).contains($0) ? Int32($0) : nil } ?? 0
  }

  private static func sequences(
    _ path: String?, copyCount: Int, count: Int, _ start: Int32, _ settings: ProbeSettings,
    _ models: EvaluatedModels
  ) throws -> ProbeSequences {
    let model = models.model
    if let path {
      let input = try TokenInput.read(path, tokenizer: nil, limit: nil, models.context)
      return try ProbeSequences(
        rows: input.tokens, length: input.rowLength ?? input.tokens.count, path: path)
    }
    let (length, vocabularySize) = (settings.segmentLength, model.vocabularySize)
    for (name, value, least) in [
      ("length", length, 2), ("sequences", count, 1), ("copies-count", copyCount, 2),
    ] where !(least...1 << 20).contains(value) {
      throw UsageError("\(setting: name) is \(value), expected \(least) to 2^20")
    }
    guard length < vocabularySize else {
      throw UsageError(
        "segments of \(length.counted("different token")) need a larger vocabulary than "
          + vocabularySize.grouped,
        hint: "choose a smaller \(setting: "length")")
    }
    var segment = length
    if let limit = model.positionLimit {
      guard copyCount == 2 || (limit - 1) / copyCount >= 1, copyCount > 2 || 1 + 2 * length <= limit
      else {
        throw UsageError(
          "\(model.path.printable) has \(limit.counted("position")), too few for "
            + "\(copyCount) segments of \(length.counted("token"))",
          hint: "choose a smaller \(setting: "length")")
      }
      // Many copies are worth more than a long segment.
      if copyCount > 2 { segment = min(segment, (limit - 1) / copyCount) }
    }
    return ProbeSequences(
      count: count, segmentLength: segment, copyCount: copyCount, start: start,
      vocabularySize: vocabularySize, seed: settings.seed)
  }

  // MARK: Work

  /// Runs the model.
  func probe() throws -> Probe {
    let model = models.model
    var measures = AttentionMeasures(
      layerCount: model.layerCount, headCount: model.headCount,
      segmentLength: sequences.segmentLength)
    let losses = try self.losses(sequences) { measures.add(layer: $0.layer, $0.shares) }
    let copyLosses = try self.losses(copies)
    return Probe(measures, sequences, losses: losses, copies, copyLosses: copyLosses)
  }

  /// Returns the loss of each token after the first of each sequence.
  private func losses(
    _ sequences: ProbeSequences, attention: ((ObservedAttention) throws -> Void)? = nil
  ) throws -> [Double] {
    let model = models.model
    let windows = try TokenWindows(rows: sequences.tokens, length: sequences.length)
    try windows.check(vocabularySize: model.vocabularySize, path: model.path)
    let demand = MemoryBudget.Demand(
      fixedByteCount: try Evaluator.byteCount(of: model, windows, jobs: models.compute.jobs),
      workerByteCount: 0)
    return try context.evaluating(
      demand, reserved: attention == nil ? 0 : Evaluator.attentionByteCount(of: model, windows),
      tokenCount: (model.layerCount + 1) * windows.inputs.count
    ) { memory, progress in
      let evaluator = Evaluator(
        windows, models.compute, memory: memory, folder: context.temporaryFolder,
        progress: progress)
      return try evaluator.scores(of: model, attention: attention).map { -$0.logProbability }
    }
  }
}
