import Base
import TensorCore

/// A paragraph of a text: a run of lines, without the white space around it. Paragraphs are separated by one or more
/// lines that are empty or have only white space.
struct Paragraph: Sendable {
  var document: Int
  /// Its place in the joined documents.
  var range: Range<Int>
  /// The end of the paragraph before it in the document, or the start of the document.
  var previousEnd: Int
  /// The start of the next paragraph in the document, or the end of the document.
  var nextStart: Int
  var isFirst: Bool
  var isLast: Bool
  /// The hash of its bytes; see ``ParagraphWalk/hash(of:_:)``.
  var hash: UInt64
  var wordCount: Int
}

/// A pass over all paragraphs in order. Paragraphs of any length are seen as a whole.
///
/// - Complexity: O(*n*) time for *n* bytes; paragraphs that continue after the end of a batch are read again.
struct ParagraphWalk: Sendable {
  let pass: CorpusPass
  /// True if the words of paragraphs are counted.
  let countsWords: Bool

  /// The size of the blocks whose hashes make the hash of a longer paragraph.
  private static let blockByteCount = CorpusPass.batchByteCount

  /// A paragraph as far as it is in one piece.
  private struct Part: Sendable {
    var range: Range<Int>
    /// Nil if the paragraph is in several pieces.
    var hash: UInt64?
    var wordCount: Int
  }

  /// The paragraphs of a piece of a document.
  private struct PieceFacts: Sendable {
    var piece: CorpusPass.Piece
    var parts: [Part] = []
    /// The number of line feeds before the first byte that is not white space, and after the last one.
    var leadingCount = 0
    var trailingCount = 0
  }

  /// Calls `body` with each paragraph.
  func run(_ body: (Paragraph) throws -> Void) throws {
    let (corpus, countsWords) = (pass.corpus, countsWords)
    var state = State(corpus: corpus)
    try pass.run { batch in
      batch.pieces.map { Self.facts($0, batch.bytes, countsWords: countsWords) }
    } _: { pieces in
      for facts in pieces { try state.take(facts, body) }
    }
  }

  private static func facts(
    _ piece: CorpusPass.Piece, _ batch: [UInt8], countsWords: Bool
  ) -> PieceFacts {
    var facts = PieceFacts(piece: piece)
    let bytes = batch.span.extracting(piece.bytes)
    let content = batch.rawSpan.extracting(piece.bytes)
    func close(_ range: Range<Int>) {
      let paragraph = content.extracting(range)
      facts.parts.append(
        Part(
          range: piece.start + range.lowerBound..<piece.start + range.upperBound,
          hash: Kernels.xxh64(paragraph),
          wordCount: countsWords ? RepeatKernels.best.words(paragraph).count : 0))
    }
    var (start, end, feedCount) = (-1, 0, 0)
    for index in bytes.indices {
      let byte = bytes[index]
      if byte == 0x0A {
        feedCount += 1
      } else if byte > 0x20 || !isWhiteSpace(byte) {
        if start < 0 {
          (start, facts.leadingCount) = (index, feedCount)
        } else if feedCount > 1 {
          close(start..<end)
          start = index
        }
        (end, feedCount) = (index + 1, 0)
      }
    }
    if start < 0 { facts.leadingCount = feedCount } else { close(start..<end) }
    facts.trailingCount = feedCount
    return facts
  }

  private static func isWhiteSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte)
  }

  /// Returns the hash of the bytes of a paragraph: XXH64, or that of the hashes of its blocks if there are several.
  private static func hash(of range: Range<Int>, _ corpus: Corpus) throws -> UInt64 {
    var hashes: [UInt64] = []
    for start in stride(from: range.lowerBound, to: range.upperBound, by: blockByteCount) {
      let bytes = try corpus.bytes(start..<min(range.upperBound, start + blockByteCount))
      hashes.append(Kernels.xxh64(bytes.rawSpan))
    }
    guard hashes.count != 1 else { return hashes[0] }
    return RepeatKernels.fold(hashes, base: 0x9E37_79B9_7F4A_7C15)
  }

  /// The place between two pieces.
  private struct State {
    let corpus: Corpus
    private var open: Part?
    private var previousEnd = 0
    private var isFirst = true
    private var feedCount = 0

    init(corpus: Corpus) { self.corpus = corpus }

    mutating func take(_ facts: PieceFacts, _ body: (Paragraph) throws -> Void) throws {
      let piece = facts.piece
      let document = corpus.range(of: piece.document)
      if piece.isFirst {
        (open, previousEnd, isFirst, feedCount) = (nil, document.lowerBound, true, 0)
      }
      for (index, part) in facts.parts.enumerated() {
        if index == 0, let before = open, feedCount + facts.leadingCount < 2 {
          open = Part(
            range: before.range.lowerBound..<part.range.upperBound, hash: nil,
            wordCount: before.wordCount + part.wordCount)
        } else {
          try close(piece.document, nextStart: part.range.lowerBound, isLast: false, body)
          open = part
        }
      }
      feedCount = facts.trailingCount + (facts.parts.isEmpty ? feedCount : 0)
      if piece.isLast {
        try close(piece.document, nextStart: document.upperBound, isLast: true, body)
      }
    }

    private mutating func close(
      _ document: Int, nextStart: Int, isLast: Bool, _ body: (Paragraph) throws -> Void
    ) throws {
      guard let part = open else { return }
      try body(
        Paragraph(
          document: document, range: part.range, previousEnd: previousEnd, nextStart: nextStart,
          isFirst: isFirst, isLast: isLast,
          hash: part.hash ?? ParagraphWalk.hash(of: part.range, corpus), wordCount: part.wordCount))
      (open, previousEnd, isFirst) = (nil, part.range.upperBound, false)
    }
  }
}
