import Base
import TensorCore

/// The hashes of all documents in memory, and the keys of their signatures in files.
struct DocumentFacts {
  /// The hash of the bytes of each document.
  private(set) var keys: [UInt64] = []
  /// Two hashes of the words of each document, which are equal for documents that differ only in case, punctuation and
  /// white space.
  private(set) var wordKeys: [(UInt64, UInt64)] = []
  private(set) var wordCounts: [Int] = []
  /// The keys by band and by document.
  private let bandFile: TemporaryFile
  /// The keys by document and by band.
  private let rowFile: TemporaryFile
  private let scheme: MinHashScheme
  private let documentCount: Int

  /// The memory for each document: 16 bytes in the corpus, 32 here, 12 for the search for near-duplicates, up to 28 in each
  /// of three lists of groups, and 64 for sorting.
  static let byteCountPerDocument = 208

  /// The facts of a piece of a document.
  private struct PieceFacts: Sendable {
    var piece: CorpusPass.Piece
    var key: UInt64
    var folds: (UInt64, UInt64)
    var wordCount: Int
    var signature: [UInt32]
    /// The words at both ends, as many as a shingle has before its last one.
    var head: [UInt64]
    var tail: [UInt64]
  }

  private static let bases: (UInt64, UInt64) = (0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93)

  init(_ pass: CorpusPass, _ scheme: MinHashScheme, temporaryFolder: String) throws {
    self.scheme = scheme
    documentCount = pass.corpus.documentCount
    bandFile = try TemporaryFile(in: temporaryFolder)
    rowFile = try TemporaryFile(in: temporaryFolder)
    keys.reserveCapacity(documentCount)
    wordKeys.reserveCapacity(documentCount)
    wordCounts.reserveCapacity(documentCount)
    let corpus = pass.corpus
    var open: PieceFacts?
    var bandKeys: [[UInt64]] = []
    try pass.run { batch in
      batch.pieces.map { Self.facts($0, batch.bytes, corpus, scheme) }
    } _: { facts in
      for facts in facts {
        var whole = facts
        if let before = open { whole = Self.joined(before, facts, scheme) }
        open = facts.piece.isLast ? nil : whole
        guard facts.piece.isLast else { continue }
        bandKeys.append(scheme.bandKeys(of: finish(whole)))
        if bandKeys.count >= 4096 { try write(&bandKeys) }
      }
    }
    try write(&bandKeys)
  }

  private static func facts(
    _ piece: CorpusPass.Piece, _ batch: [UInt8], _ corpus: Corpus, _ scheme: MinHashScheme
  ) -> PieceFacts {
    let bytes = Array(batch[piece.bytes])
    let words = corpus.words(bytes)
    let length = scheme.shingleLength
    return PieceFacts(
      piece: piece, key: Kernels.xxh64(bytes.rawSpan),
      folds: (
        RepeatKernels.fold(words, base: bases.0), RepeatKernels.fold(words, base: bases.1)
      ),
      wordCount: words.count,
      signature: scheme.signature(of: RepeatKernels.best.runs(of: words, width: length)),
      head: Array(words.prefix(length - 1)), tail: Array(words.suffix(length - 1)))
  }

  /// Returns the facts of a part of a document that is followed by another one.
  private static func joined(
    _ first: PieceFacts, _ second: PieceFacts, _ scheme: MinHashScheme
  ) -> PieceFacts {
    let length = scheme.shingleLength
    var whole = first
    let keys = bytes(of: first.key) + bytes(of: second.key)
    whole.key = Kernels.xxh64(keys.rawSpan)
    whole.folds = (
      first.folds.0 &* power(bases.0, second.wordCount) &+ second.folds.0,
      first.folds.1 &* power(bases.1, second.wordCount) &+ second.folds.1
    )
    whole.wordCount += second.wordCount
    RepeatKernels.best.lower(
      &whole.signature, by: scheme,
      RepeatKernels.best.runs(of: first.tail + second.head, width: length))
    for index in whole.signature.indices {
      whole.signature[index] = min(whole.signature[index], second.signature[index])
    }
    if first.head.count < length - 1 {
      whole.head = Array((first.head + second.head).prefix(length - 1))
    }
    whole.tail = Array((first.tail + second.tail).suffix(length - 1))
    return whole
  }

  private static func bytes(of key: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: key >> (8 * $0)) }
  }

  private static func power(_ base: UInt64, _ exponent: Int) -> UInt64 {
    var (result, square, rest): (UInt64, UInt64, Int) = (1, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result = result &* square }
      square = square &* square
      rest >>= 1
    }
    return result
  }

  /// Stores the facts of a document and returns its signature.
  private mutating func finish(_ facts: PieceFacts) -> [UInt32] {
    keys.append(facts.key)
    wordKeys.append(facts.folds)
    wordCounts.append(facts.wordCount)
    guard facts.wordCount > 0, facts.wordCount < scheme.shingleLength else {
      return facts.signature
    }
    return scheme.signature(
      of: RepeatKernels.best.runs(of: facts.head, width: facts.wordCount))
  }

  private func write(_ bandKeys: inout [[UInt64]]) throws {
    let first = keys.count - bandKeys.count
    let rows = bandKeys.flatMap { $0.flatMap(Self.bytes) }
    try rowFile.write(rows.rawSpan, at: 8 * scheme.bandCount * first)
    for band in 0..<scheme.bandCount where !bandKeys.isEmpty {
      let bytes = bandKeys.flatMap { Self.bytes(of: $0[band]) }
      try bandFile.write(bytes.rawSpan, at: 8 * (band * documentCount + first))
    }
    bandKeys.removeAll(keepingCapacity: true)
  }

  /// Returns the keys of a document in all bands.
  func row(of document: Int) throws -> [UInt64] {
    var buffer = ByteBuffer(byteCount: 8 * scheme.bandCount)
    var span = buffer.mutableBytes
    try rowFile.read(at: 8 * scheme.bandCount * document, into: &span)
    return (0..<scheme.bandCount).map {
      buffer.bytes.littleEndian(UInt64.self, at: 8 * $0) ?? 0
    }
  }

  /// Returns the documents of a band with their keys, sorted by these; documents without words are left out.
  func band(_ band: Int, where isIncluded: (Int) -> Bool) throws -> HashRecords {
    var records = HashRecords()
    let step = 1 << 14
    for first in stride(from: 0, to: documentCount, by: step) {
      let count = min(step, documentCount - first)
      var buffer = ByteBuffer(byteCount: 8 * count)
      var span = buffer.mutableBytes
      try bandFile.read(at: 8 * (band * documentCount + first), into: &span)
      for index in 0..<count where wordCounts[first + index] > 0 && isIncluded(first + index) {
        records.append(
          key: buffer.bytes.littleEndian(UInt64.self, at: 8 * index) ?? 0, value: first + index)
      }
    }
    records.sort()
    return records
  }
}
