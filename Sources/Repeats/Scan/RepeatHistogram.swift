package import Base

/// The share of tokens in units, documents or windows, that occur a number of times.
package struct RepeatHistogram: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    /// The number of times that each unit occurs.
    package var times: Int
    /// The number of different units that occur so often.
    package var distinct: Int
    /// The number of tokens in all their occurrences; for windows, the number of windows.
    package var tokens: Int
  }

  package var entries: [Entry]

  package var tokenCount: Int { entries.reduce(0) { $0 + $1.tokens } }

  package func share(of entry: Entry) -> Double {
    tokenCount == 0 ? 0 : Double(entry.tokens) / Double(tokenCount)
  }

  package var json: JSONValue {
    .array(
      entries.map {
        .object([
          "times": JSONValue($0.times), "distinct": JSONValue($0.distinct),
          "tokens": JSONValue($0.tokens), "share": JSONValue(share(of: $0)),
        ])
      })
  }

  /// Returns the histogram of documents, weighted by their words.
  static func documents(_ facts: DocumentFacts, _ groups: [[Int]]) -> RepeatHistogram {
    var counts: [Int: Entry] = [:]
    var grouped = 0
    for group in groups {
      let tokens = group.reduce(0) { $0 + facts.wordCounts[$1] }
      grouped += tokens
      counts[group.count, default: Entry(times: group.count, distinct: 0, tokens: 0)].distinct += 1
      counts[group.count]?.tokens += tokens
    }
    let members = groups.reduce(0) { $0 + $1.count }
    if members < facts.wordCounts.count {
      counts[1] = Entry(
        times: 1, distinct: facts.wordCounts.count - members,
        tokens: facts.wordCounts.reduce(0, +) - grouped)
    }
    return RepeatHistogram(entries: counts.values.sorted { $0.times < $1.times })
  }

  /// Returns the histogram of all windows of `length` tokens inside documents, compared by 64-bit hashes.
  ///
  /// If the hashes do not fit into memory, the documents are read several times, for a part of the hashes each time.
  /// - Parameter capacity: The number of hashes that fit into memory.
  static func windows(
    _ pass: CorpusPass, length: Int, capacity: Int, facts: DocumentFacts
  ) throws -> RepeatHistogram {
    let corpus = pass.corpus
    let total = facts.wordCounts.reduce(0) { $0 + max(0, $1 - length + 1) }
    // Parts differ in size, and most by the windows that are repeated.
    let partCount = UInt64(max(1, (total + total / 4) / capacity))
    var counts: [Int: Int] = [:]
    var part: UInt64 = 0
    while part < partCount {
      let (number, count) = (part, partCount)
      var hashes: [UInt64] = []
      var tail: [UInt64] = []
      try pass.run { batch in
        batch.pieces.map { piece in
          let words = corpus.words(Array(batch.bytes[piece.bytes]))
          let runs = RepeatKernels.best.runs(of: words, width: length)
          return WindowFacts(
            piece: piece, head: Array(words.prefix(length - 1)),
            tail: Array(words.suffix(length - 1)),
            hashes: runs.filter { ($0 >> 32) % count == number })
        }
      } _: { pieces in
        for facts in pieces {
          hashes += facts.hashes
          if facts.piece.isFirst { tail = [] }
          if !tail.isEmpty {
            hashes += RepeatKernels.best.runs(of: tail + facts.head, width: length)
              .filter { ($0 >> 32) % count == number }
          }
          tail = Array((tail + facts.tail).suffix(length - 1))
        }
      }
      sortKeys(&hashes)
      var start = 0
      while start < hashes.count {
        var end = start + 1
        while end < hashes.count, hashes[end] == hashes[start] { end += 1 }
        counts[end - start, default: 0] += 1
        start = end
      }
      part += 1
    }
    return RepeatHistogram(
      entries: counts.map { Entry(times: $0.key, distinct: $0.value, tokens: $0.key * $0.value) }
        .sorted { $0.times < $1.times })
  }

  private struct WindowFacts: Sendable {
    var piece: CorpusPass.Piece
    var head: [UInt64]
    var tail: [UInt64]
    var hashes: [UInt64]
  }
}
