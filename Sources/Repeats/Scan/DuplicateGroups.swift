import Base

/// Groups of equal documents, each in order, ordered by their first documents.
enum DuplicateGroups {
  /// Returns the groups of documents with equal bytes. Equal hashes are verified with the bytes.
  static func exact(_ corpus: Corpus, _ facts: DocumentFacts) throws -> [[Int]] {
    var records = HashRecords()
    for (document, key) in facts.keys.enumerated() { records.append(key: key, value: document) }
    records.sort()
    var leaders = (0..<UInt32(corpus.documentCount)).map(\.self)
    try records.forEachGroup { range in
      // The first documents of the groups with this hash, which are several only if different documents have it.
      var firsts: [Int] = []
      for index in range {
        let document = records.value(at: index)
        let bytes = corpus.range(of: document)
        if let first = try firsts.first(where: {
          try corpus.areEqual(corpus.range(of: $0), bytes)
        }) {
          leaders[document] = UInt32(first)
        } else {
          firsts.append(document)
        }
      }
    }
    return groups(leaders)
  }

  /// Returns the groups of several documents.
  /// - Parameter leaders: The first document of the group of each document.
  static func groups(_ leaders: [UInt32]) -> [[Int]] {
    var sizes = [UInt32](repeating: 0, count: leaders.count)
    for leader in leaders { sizes[Int(leader)] += 1 }
    var groups: [[Int]] = []
    /// The place of the group of each first document.
    var places = sizes
    for document in leaders.indices {
      let leader = Int(leaders[document])
      guard sizes[leader] > 1 else { continue }
      if leader == document {
        places[document] = UInt32(groups.count)
        groups.append([])
        groups[groups.count - 1].reserveCapacity(Int(sizes[document]))
      }
      groups[Int(places[leader])].append(document)
    }
    return groups
  }

  /// Returns the groups of documents with equal words by 128 bits of hashes; documents without words have none.
  static func normalized(_ facts: DocumentFacts) -> [[Int]] {
    var records = HashRecords()
    for (document, key) in facts.wordKeys.enumerated() where facts.wordCounts[document] > 0 {
      records.append(key: key.0, value: document)
    }
    records.sort()
    var leaders = (0..<UInt32(facts.wordKeys.count)).map(\.self)
    records.forEachGroup { range in
      guard range.count > 1 else { return }
      var firsts: [WordKey: Int] = [:]
      for index in range {
        let document = records.value(at: index)
        let key = WordKey(
          second: facts.wordKeys[document].1, count: facts.wordCounts[document])
        if let first = firsts[key] {
          leaders[document] = UInt32(first)
        } else {
          firsts[key] = document
        }
      }
    }
    return groups(leaders)
  }

  private struct WordKey: Hashable {
    var second: UInt64
    var count: Int
  }
}
