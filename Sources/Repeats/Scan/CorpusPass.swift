import Base
import Synchronization

/// A pass over all documents in order, in batches that are worked on side by side and taken up in order.
struct CorpusPass: Sendable {
  /// A part of a document in a batch.
  struct Piece: Sendable {
    var document: Int
    /// The place of its bytes in the batch.
    var bytes: Range<Int>
    /// The place of its first unit in the joined documents.
    var start: Int
    var isFirst: Bool
    var isLast: Bool
  }

  struct Batch: Sendable {
    var bytes: [UInt8]
    var pieces: [Piece]
  }

  /// The number of bytes of a batch. Longer documents are divided at the end of a paragraph, a line or a word, so the
  /// longest word or paragraph that is seen as a whole has this length.
  static let batchByteCount = 1 << 18
  /// The largest number of pieces of a batch.
  static let batchPieceCount = 512
  /// The memory for the results of a piece: a signature, and the words at both ends.
  private static let byteCountPerPiece = 2 << 10
  /// The memory that a batch may need with the hashes of its words.
  static let byteCountPerBatch = 20 * batchByteCount + batchPieceCount * byteCountPerPiece

  let corpus: Corpus
  let parallel: Parallel
  /// The number of batches that are held at a time.
  let waveCount: Int

  /// Calls `work` for each batch on some thread, and `take` with its results in the order of the documents.
  func run<Result: Sendable>(
    _ work: @Sendable (Batch) throws -> Result, _ take: (Result) throws -> Void
  ) throws {
    var cursor = Cursor(corpus)
    while true {
      var batches: [Batch] = []
      while batches.count < waveCount, let batch = try cursor.next() { batches.append(batch) }
      guard !batches.isEmpty else { return }
      let results = Mutex<[Result?]>([Result?](repeating: nil, count: batches.count))
      let wave = batches
      try parallel.forEach(count: wave.count, workspaceByteCount: 0) { index, _ in
        let result = try work(wave[index])
        results.withLock { $0[index] = result }
      }
      for case let result? in results.withLock({ $0 }) { try take(result) }
    }
  }

  /// The place of the next batch.
  private struct Cursor {
    private let corpus: Corpus
    private var document = 0
    /// The next unit of a document that is divided; nil before its first one.
    private var inside: Int?

    init(_ corpus: Corpus) { self.corpus = corpus }

    mutating func next() throws -> Batch? {
      let limit = CorpusPass.batchByteCount / corpus.unit.byteCount
      guard document < corpus.documentCount else { return nil }
      let range = corpus.range(of: document)
      let start = inside ?? range.lowerBound
      if range.upperBound - start > limit || inside != nil {
        return try part(of: range, from: start)
      }
      var last = document
      while last + 1 < corpus.documentCount, last + 1 - document < CorpusPass.batchPieceCount,
        corpus.range(of: last + 1).upperBound - start <= limit
      {
        last += 1
      }
      let bytes = try corpus.bytes(start..<corpus.range(of: last).upperBound)
      let pieces = (document...last).map { number in
        let range = corpus.range(of: number)
        let size = corpus.unit.byteCount
        return Piece(
          document: number,
          bytes: (range.lowerBound - start) * size..<(range.upperBound - start) * size,
          start: range.lowerBound, isFirst: true, isLast: true)
      }
      document = last + 1
      return Batch(bytes: bytes, pieces: pieces)
    }

    /// Returns the next part of a long document.
    private mutating func part(of range: Range<Int>, from start: Int) throws -> Batch {
      let bytes = try CorpusPass.part(of: range, from: start, corpus)
      let end = start + bytes.count / corpus.unit.byteCount
      let piece = Piece(
        document: document, bytes: 0..<bytes.count, start: start,
        isFirst: start == range.lowerBound, isLast: end == range.upperBound)
      inside = end == range.upperBound ? nil : end
      if inside == nil { document += 1 }
      return Batch(bytes: bytes, pieces: [piece])
    }
  }

  /// Returns the bytes of the part of a document that starts at a unit. The parts of a document are always the same.
  static func part(of document: Range<Int>, from start: Int, _ corpus: Corpus) throws -> [UInt8] {
    let limit = batchByteCount / corpus.unit.byteCount
    var bytes = try corpus.bytes(start..<min(document.upperBound, start + limit))
    if corpus.unit == .byte, start + bytes.count < document.upperBound {
      bytes.removeSubrange(cut(bytes)...)
    }
    return bytes
  }

  /// Returns the place after the last empty line, otherwise line feed, otherwise end of a word, otherwise the last place
  /// between two characters. It is above 0 for UTF-8.
  static func cut(_ bytes: [UInt8]) -> Int {
    var line: Int?
    for index in bytes.indices.reversed() where bytes[index] == 0x0A {
      if line == nil { line = index + 1 }
      if index > 0, bytes[index - 1] == 0x0A { return index + 1 }
    }
    if let line { return line }
    let word = RepeatKernels.best.wordEnd(in: bytes.rawSpan)
    return word > 0 ? word : characterEnd(in: bytes)
  }

  /// Returns the place after the last whole character of UTF-8 whose end may be missing.
  static func characterEnd(in bytes: [UInt8]) -> Int {
    guard let lead = bytes.lastIndex(where: { $0 & 0xC0 != 0x80 }) else { return bytes.count }
    let length = max(1, (~bytes[lead]).leadingZeroBitCount)
    return lead > 0 && lead + length > bytes.count ? lead : bytes.count
  }
}
