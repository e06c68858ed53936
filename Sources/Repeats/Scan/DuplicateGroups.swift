import Base

/// Groups of equal documents, each in order, ordered by their first documents.
enum DuplicateGroups {
  /// Returns the groups of documents with equal bytes. Equal hashes are verified with the bytes.
  static func exact(_ corpus: Corpus, _ facts: DocumentFacts) throws -> [[Int]] {
    var records = HashRecords()
    for (document, key) in facts.keys.enumerated() { records.append(key: key, value: document) }
    records.sort()
    var groups: [[Int]] = []
    try records.forEachGroup { range in
      var rest = range.map(records.value)
      while rest.count > 1 {
        let first = rest.removeFirst()
        let range = corpus.range(of: first)
        let equal = try rest.filter { try corpus.areEqual(range, corpus.range(of: $0)) }
        if !equal.isEmpty { groups.append([first] + equal) }
        let found = Set(equal)
        rest.removeAll(where: found.contains)
      }
    }
    return groups.sorted { $0[0] < $1[0] }
  }

  /// Returns the groups of documents with equal words by 128 bits of hashes; documents without words have none.
  static func normalized(_ facts: DocumentFacts) -> [[Int]] {
    var records = HashRecords()
    for (document, key) in facts.wordKeys.enumerated() where facts.wordCounts[document] > 0 {
      records.append(key: key.0, value: document)
    }
    records.sort()
    var groups: [[Int]] = []
    records.forEachGroup { range in
      guard range.count > 1 else { return }
      let parts = Dictionary(grouping: range.map(records.value)) {
        WordKey(second: facts.wordKeys[$0].1, count: facts.wordCounts[$0])
      }
      groups += parts.values.filter { $0.count > 1 }
    }
    return groups.sorted { $0[0] < $1[0] }
  }

  private struct WordKey: Hashable {
    var second: UInt64
    var count: Int
  }
}
