/// The different paragraphs with the numbers of their occurrences, by their hashes, within bounded memory.
struct ParagraphTable: Sendable {
  struct Entry: Sendable {
    var hash: UInt64
    /// The first occurrence.
    var first: Range<Int>
    /// The number of occurrences; 0 for a free entry.
    var times: Int
    var wordCount: Int
  }

  /// The place of a paragraph among equal ones.
  enum Place {
    case first
    /// Equal to an earlier one.
    case later(first: Range<Int>)
    /// Different from all that fit into the memory.
    case full
  }

  private static let firstCapacity = 1 << 12

  private var entries: [Entry]
  private(set) var count = 0
  private let maximumCapacity: Int

  /// - Parameter memory: The number of bytes for the table. While it grows, the old one is half as large.
  init(memory: Int) {
    let limit = max(Self.firstCapacity, memory / MemoryLayout<Entry>.stride * 2 / 3)
    maximumCapacity = 1 << (Int.bitWidth - 1 - limit.leadingZeroBitCount)
    entries = Self.free(Self.firstCapacity)
  }

  private static func free(_ capacity: Int) -> [Entry] {
    [Entry](repeating: Entry(hash: 0, first: 0..<0, times: 0, wordCount: 0), count: capacity)
  }

  /// Adds an occurrence of a paragraph.
  /// - Parameter areEqual: Compares the bytes of two ranges; called if their hashes and lengths are equal.
  /// - Complexity: O(1) on average, and one comparison for an occurrence that is not the first.
  mutating func add(
    _ paragraph: Paragraph, areEqual: (Range<Int>, Range<Int>) throws -> Bool
  ) rethrows -> Place {
    var index = slot(of: paragraph.hash)
    while entries[index].times > 0 {
      let entry = entries[index]
      if entry.hash == paragraph.hash, entry.first.count == paragraph.range.count,
        try areEqual(entry.first, paragraph.range)
      {
        entries[index].times += 1
        return .later(first: entry.first)
      }
      index = (index + 1) & (entries.count - 1)
    }
    // A quarter of the entries stays free, so that searches are short.
    if count >= entries.count / 4 * 3 {
      guard entries.count < maximumCapacity else { return .full }
      grow()
      index = freeSlot(of: paragraph.hash)
    }
    entries[index] = Entry(
      hash: paragraph.hash, first: paragraph.range, times: 1, wordCount: paragraph.wordCount)
    count += 1
    return .first
  }

  private func slot(of hash: UInt64) -> Int {
    Int(truncatingIfNeeded: hash) & (entries.count - 1)
  }

  private func freeSlot(of hash: UInt64) -> Int {
    var index = slot(of: hash)
    while entries[index].times > 0 { index = (index + 1) & (entries.count - 1) }
    return index
  }

  private mutating func grow() {
    let old = entries
    entries = Self.free(2 * old.count)
    for entry in old where entry.times > 0 { entries[freeSlot(of: entry.hash)] = entry }
  }

  /// The different paragraphs, in no particular order.
  var distinct: some Sequence<Entry> { entries.lazy.filter { $0.times > 0 } }
}
