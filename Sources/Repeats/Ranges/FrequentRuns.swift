/// The repeated runs among those that occur too often for suffix arrays.
///
/// A table has the last place of each run that was seen, by its hash. Runs with equal hashes are compared, so that the
/// result is exact. A run that finds no room in the table is left for another pass over the text.
/// - Complexity: O(1) time for each run, unless different runs have equal hashes.
struct FrequentRuns {
  /// The places of runs that occur later too, as far as they are not in `laterStarts`.
  private(set) var firstStarts = PositionSet()
  /// The places of runs that occur before too.
  private(set) var laterStarts = PositionSet()
  /// The first run that found no room in the table.
  private(set) var next: Int?

  private struct Entry {
    var place: Int
    /// True if the place is in one of the sets.
    var isMarked: Bool
  }

  private let corpus: Corpus
  private let length: Int
  private let capacity: Int
  private var table: [UInt64: Entry] = [:]
  /// The runs whose hash another run in the table has.
  private var others: [UInt64: [Entry]] = [:]
  private var otherCount = 0
  private var block: TextBlock
  private var earlierBlock: TextBlock
  /// The last two equal runs.
  private var equal: (place: Int, earlier: Int)?

  /// The largest memory for each run in the table, in bytes, while it grows.
  private static let byteCountPerRun = 72

  /// - Parameter memory: The number of bytes for the table.
  init(_ corpus: Corpus, length: Int, memory: Int) {
    (self.corpus, self.length) = (corpus, length)
    capacity = max(1 << 10, memory / Self.byteCountPerRun)
    block = TextBlock(corpus)
    earlierBlock = TextBlock(corpus)
  }

  /// Looks up the run at a place, which is after those of all calls before.
  mutating func add(_ place: Int, hash: UInt64) throws {
    guard var entry = table[hash] else {
      guard hasRoom(at: place) else { return }
      table[hash] = Entry(place: place, isMarked: false)
      return
    }
    if try areEqual(place, entry.place) {
      mark(place, &entry)
      table[hash] = entry
      return
    }
    var list = others[hash] ?? []
    for index in list.indices where try areEqual(place, list[index].place) {
      mark(place, &list[index])
      others[hash] = list
      return
    }
    guard hasRoom(at: place) else { return }
    others[hash] = list + [Entry(place: place, isMarked: false)]
    otherCount += 1
  }

  private mutating func hasRoom(at place: Int) -> Bool {
    if table.count + otherCount < capacity { return true }
    if next == nil { next = place }
    return false
  }

  private mutating func mark(_ place: Int, _ entry: inout Entry) {
    if !entry.isMarked { firstStarts.add(entry.place..<entry.place + 1) }
    laterStarts.add(place..<place + 1)
    entry = Entry(place: place, isMarked: true)
  }

  private mutating func areEqual(_ place: Int, _ earlier: Int) throws -> Bool {
    // If the runs one place before are equal, only the last units are left to compare.
    let isNext = equal.map { $0.place + 1 == place && $0.earlier + 1 == earlier } ?? false
    let skipped = isNext ? length - 1 : 0
    try block.hold(place..<place + length)
    try earlierBlock.hold(earlier..<earlier + length)
    let size = corpus.unit.byteCount
    let isEqual = RepeatKernels.areEqual(
      block.bytes, at: (place + skipped - block.start) * size,
      earlierBlock.bytes, at: (earlier + skipped - earlierBlock.start) * size,
      count: (length - skipped) * size)
    equal = isEqual ? (place, earlier) : nil
    return isEqual
  }
}

/// A part of the joined documents that is kept for the reading of places near each other.
private struct TextBlock {
  private(set) var start = 0
  private(set) var bytes: [UInt8] = []

  private let corpus: Corpus

  /// The number of units that are read at least.
  private static let unitCount = 1 << 14

  init(_ corpus: Corpus) { self.corpus = corpus }

  /// Reads the text from a range of units on, unless it is in the block.
  mutating func hold(_ range: Range<Int>) throws {
    let end = start + bytes.count / corpus.unit.byteCount
    if range.lowerBound >= start, range.upperBound <= end { return }
    let count = max(Self.unitCount, 2 * range.count)
    start = range.lowerBound
    bytes = try corpus.bytes(start..<min(corpus.unitCount, start + count))
  }
}
