import Base

/// Copies the documents of a corpus without parts of them.
struct CorpusEditor {
  private static let copiedUnitCount = 1 << 18

  private let corpus: Corpus
  private let builder: CorpusBuilder
  /// The documents of the corpus that are copied, in order.
  private(set) var documents: [UInt32] = []
  private var document = 0
  private var place = 0
  /// The number of units of the current document that are left out.
  private var cutCount = 0

  init(
    _ corpus: Corpus, in folder: String, memory: ScanMemory, cancellation: Cancellation
  ) throws {
    self.corpus = corpus
    builder = try CorpusBuilder(in: folder, memory: memory, cancellation: cancellation)
    let source = corpus.sources[0]
    try builder.begin(source.path, corpus.unit, source.origin)
  }

  mutating func begin(_ document: Int) {
    (self.document, place, cutCount) = (document, corpus.range(of: document).lowerBound, 0)
  }

  /// Leaves out a range of the joined documents, which is in the current one and after those before it.
  mutating func cut(_ range: Range<Int>) throws {
    try copy(until: range.lowerBound)
    place = range.upperBound
    cutCount += range.count
  }

  private func copy(until end: Int) throws {
    for start in stride(from: place, to: end, by: Self.copiedUnitCount) {
      try builder.append(corpus.bytes(start..<min(end, start + Self.copiedUnitCount)))
    }
  }

  /// Ends the current document.
  /// - Returns: False if all of it was cut out, so that it is left out.
  mutating func end() throws -> Bool {
    let range = corpus.range(of: document)
    guard cutCount == 0 || cutCount < range.count else { return false }
    try copy(until: range.upperBound)
    try builder.end(.number)
    documents.append(UInt32(document))
    return true
  }

  func finished() throws -> Corpus { try builder.finished() }
}
