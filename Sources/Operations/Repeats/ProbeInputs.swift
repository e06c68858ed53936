import Base
import InductionHeads

/// The sequences that models are probed with, the same for each model.
struct ProbeInputs {
  /// Sequences with two segments, over which attention is measured.
  let pairs: ProbeSequences
  /// Sequences with several copies of a segment, for the loss by copy.
  let copies: ProbeSequences

  /// The largest number of tokens of a sequence. The sizes of attention over it do not overflow.
  private static let longestSequence = 1 << 20

  /// Reads sequences from files, or draws them so that all models have their tokens and positions.
  /// - Throws: ``UsageError`` for settings that do not fit the models or the limit on memory, before anything is drawn.
  init(
    _ settings: ProbeSettings, for models: [ProbedModel], _ context: OperationContext
  ) throws {
    try settings.checkFiles()
    let limits = try Limits(settings, models)
    let pairOrigin: Origin =
      if let path = settings.tokens { .file(path) } else { .drawn(try limits.pairs()) }
    let copyOrigin: Origin =
      if let path = settings.copies { .file(path) } else { .drawn(try limits.copies()) }
    // Sequences and their number are at most 2^20, so that the products do not overflow.
    let tokenCount = pairOrigin.drawnTokenCount + copyOrigin.drawnTokenCount
    try context.checkMemory(tokenCount * ProbedModel.tokenByteCount)

    func sequences(_ origin: Origin) throws -> ProbeSequences {
      switch origin {
      case .file(let path): try Self.read(path, context)
      case .drawn(let shape):
        ProbeSequences(
          drawing: shape, start: limits.start, vocabularySize: limits.vocabularySize,
          seed: settings.seed ?? 0)
      }
    }
    pairs = try sequences(pairOrigin)
    copies = try sequences(copyOrigin)
    guard pairs.copyCount == 2 else {
      throw UsageError(
        "\((settings.tokens ?? "").printable): the segment occurs \(pairs.copyCount) times, "
          + "expected 2",
        hint: "give rows with more copies to \(setting: "copies")")
    }
  }

  /// The source of some sequences.
  private enum Origin {
    case file(String)
    case drawn(ProbeSequences.Shape)

    var drawnTokenCount: Int {
      switch self {
      case .file: 0
      case .drawn(let shape): shape.tokenCount
      }
    }
  }

  private static func read(_ path: String, _ context: OperationContext) throws -> ProbeSequences {
    let input = try TokenInput.read(path, tokenizer: nil, limit: nil, context)
    let length = input.rowLength ?? input.tokens.count
    guard length <= longestSequence else {
      throw UsageError(
        "\(path.printable): rows have \(length.grouped) tokens, expected at most "
          + longestSequence.grouped)
    }
    return try ProbeSequences(rows: input.tokens, length: length, path: path)
  }

  /// The smallest vocabulary and number of positions of some models, which drawn sequences have to fit.
  private struct Limits {
    let vocabularySize: Int
    /// The first token of each sequence.
    let start: Int32
    private let settings: ProbeSettings
    private let positions: (limit: Int, path: String)?

    init(_ settings: ProbeSettings, _ models: [ProbedModel]) throws(UsageError) {
      self.settings = settings
      let vocabularySize = models.map(\.vocabularySize).min() ?? 0
      self.vocabularySize = vocabularySize
      positions = models.compactMap { model in
        model.positionLimit.map { (limit: $0, path: model.path) }
      }.min { $0.limit < $1.limit }
      if let start = settings.start, !(0..<vocabularySize).contains(start) {
        throw UsageError(
          "\(setting: "start") is \(start), expected a token from 0 to \(vocabularySize - 1)")
      }
      let start = settings.start ?? models.first?.startToken
      self.start = start.flatMap { $0 < vocabularySize ? Int32(exactly: $0) : nil } ?? 0
    }

    /// Returns the shape of the sequences with two segments.
    func pairs() throws(UsageError) -> ProbeSequences.Shape {
      let count = settings.sequenceCount ?? 8
      try check("sequences", count, from: 1)
      return try shape(count: count, copyCount: 2, shortensSegment: false)
    }

    /// Returns the shape of the sequence with many copies. More copies are preferred to a longer segment.
    func copies() throws(UsageError) -> ProbeSequences.Shape {
      let count = settings.copyCount ?? 11
      try check("copies-count", count, from: 2)
      return try shape(count: 1, copyCount: count, shortensSegment: true)
    }

    private func shape(
      count: Int, copyCount: Int, shortensSegment: Bool
    ) throws(UsageError) -> ProbeSequences.Shape {
      let length = settings.segmentLength ?? 20
      try check("length", length, from: 2)
      guard length < vocabularySize else {
        throw UsageError(
          "segments of \(length.counted("different token")) need a larger vocabulary than "
            + vocabularySize.grouped,
          hint: "choose a smaller \(setting: "length")")
      }
      var shape = ProbeSequences.Shape(
        count: count, segmentLength: length, copyCount: copyCount)
      if let positions {
        if shortensSegment {
          shape.segmentLength = min(length, (positions.limit - 1) / copyCount)
        }
        guard shape.segmentLength > 0, shape.length <= positions.limit else {
          throw UsageError(
            "\(positions.path.printable) has \(positions.limit.counted("position")), too few for "
              + "\(copyCount) segments of \(length.counted("token"))",
            hint: "choose a smaller \(setting: "length") or \(setting: "copies-count")")
        }
      }
      guard shape.length <= longestSequence else {
        throw UsageError(
          "\(copyCount.grouped) segments of \(length.counted("token")) are too long, expected at "
            + "most \(longestSequence.grouped) tokens together",
          hint: "choose a smaller \(setting: "length") or \(setting: "copies-count")")
      }
      return shape
    }

    private func check(_ name: String, _ value: Int, from least: Int) throws(UsageError) {
      guard (least...1 << 20).contains(value) else {
        throw UsageError("\(setting: name) is \(value), expected \(least) to 2^20")
      }
    }
  }
}
