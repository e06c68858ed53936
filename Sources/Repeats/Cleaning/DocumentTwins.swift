import Base

/// The documents that repeat an earlier one, each with the first one of its kind, which stays.
struct DocumentTwins {
  /// For each document the one that stays in its place: itself, or an earlier one.
  private var twins: [UInt32]
  private var levels: [DedupSettings.Level?]

  /// - Parameter memory: The number of bytes for the sets of shingles.
  init(
    _ corpus: Corpus, _ facts: DocumentFacts, _ scheme: MinHashScheme, _ settings: DedupSettings,
    memory: Int, parallel: Parallel
  ) throws {
    twins = (0..<UInt32(corpus.documentCount)).map(\.self)
    levels = [DedupSettings.Level?](repeating: nil, count: twins.count)
    add(try DuplicateGroups.exact(corpus, facts), .documents)
    guard settings.levels.contains(where: { $0 == .words || $0 == .near }) else { return }
    let words = DuplicateGroups.normalized(facts)
    add(words, .words)
    if settings.levels.contains(.near) {
      add(
        try NearDuplicates(
          corpus, facts, scheme, threshold: settings.scan.threshold, equal: words, pairLimit: 0,
          memory: memory, parallel: parallel
        ).clusters(), .near)
    }
    // The twin of a document may have an earlier one itself, of a weaker kind.
    for document in twins.indices {
      let (first, second) = (twins[document], twins[Int(twins[document])])
      guard first != second else { continue }
      (twins[document], levels[document]) = (second, levels[Int(first)])
    }
  }

  private mutating func add(_ groups: [[Int]], _ level: DedupSettings.Level) {
    for group in groups {
      for document in group.dropFirst() where Int(twins[document]) == document {
        (twins[document], levels[document]) = (UInt32(group[0]), level)
      }
    }
  }

  /// Returns the document that stays in place of one, and the kind of repeat; nil if it stays itself.
  func twin(of document: Int) -> (document: Int, level: DedupSettings.Level)? {
    levels[document].map { (Int(twins[document]), $0) }
  }
}
