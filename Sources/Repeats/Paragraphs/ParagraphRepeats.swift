package import Base

/// The paragraphs of texts that occur more than once.
package struct ParagraphRepeats: Sendable, Equatable {
  /// Equal paragraphs.
  package struct Group: Sendable, Equatable {
    /// The place of the first one in the joined documents.
    package var first: Range<Int>
    package var times: Int

    /// The number of bytes in all but the first one.
    package var extraByteCount: Int { (times - 1) * first.count }
  }

  /// The number of all paragraphs.
  package private(set) var count = 0
  /// The number of different paragraphs that occur more than once.
  package private(set) var groupCount = 0
  /// The number of paragraphs beyond one of each.
  package private(set) var extraCount = 0
  package private(set) var extraByteCount = 0
  /// The groups with the most bytes beyond one of each.
  package private(set) var groups: [Group] = []
  /// The number of tables that were needed; the texts were read at least as often.
  package private(set) var tableCount = 0
  /// The share of words in paragraphs by the number of their occurrences.
  package private(set) var histogram = RepeatHistogram(entries: [])

  /// - Parameters:
  ///   - limit: The largest number of groups.
  ///   - memory: The number of bytes for the table of paragraphs.
  init(_ pass: CorpusPass, limit: Int, memory: Int) throws {
    var classes: [Int: RepeatHistogram.Entry] = [:]
    let counter = ParagraphCounter(
      walk: ParagraphWalk(pass: pass, countsWords: true), memory: memory)
    try counter.run { table in
      tableCount += 1
      for entry in table.distinct { add(entry, limit: limit, &classes) }
      keepLargest(limit)
    }
    histogram = RepeatHistogram(entries: classes.values.sorted { $0.times < $1.times })
  }

  /// - Parameter memory: The number of bytes for the table of paragraphs, beside the batches of the texts.
  package init(_ corpus: Corpus, limit: Int, memory: Int, parallel: Parallel) throws {
    let pass = CorpusPass(corpus: corpus, parallel: parallel, waveCount: parallel.jobs)
    try self.init(pass, limit: limit, memory: memory)
  }

  private mutating func add(
    _ entry: ParagraphTable.Entry, limit: Int, _ classes: inout [Int: RepeatHistogram.Entry]
  ) {
    let times = entry.times
    count += times
    classes[times, default: RepeatHistogram.Entry(times: times, distinct: 0, tokens: 0)].distinct +=
      1
    classes[times]?.tokens += times * entry.wordCount
    guard times > 1 else { return }
    let group = Group(first: entry.first, times: times)
    groupCount += 1
    extraCount += times - 1
    extraByteCount += group.extraByteCount
    groups.append(group)
    if groups.count >= 2 * limit + 1024 { keepLargest(limit) }
  }

  private mutating func keepLargest(_ limit: Int) {
    groups.sort {
      ($1.extraByteCount, $0.first.lowerBound) < ($0.extraByteCount, $1.first.lowerBound)
    }
    if groups.count > limit { groups.removeSubrange(limit...) }
  }
}
