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
}
