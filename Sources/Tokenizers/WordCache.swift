/// The ids of words that were seen before, within a fixed amount of memory.
struct WordCache: Sendable {
  private struct Entry {
    var hash: UInt64
    var keyStart: Int
    var keyCount: Int
    var idStart: Int
    var idCount: Int
  }

  /// The longest word that is kept.
  private static let wordByteLimit = 96
  private static let entryLimit = 1 << 16

  private var slots: [Int32] = []
  private var entries: [Entry] = []
  private var keys: [UInt8] = []
  private var values: [Int32] = []

  /// Appends the ids of a word and returns true if they are known.
  @inline(__always)
  func append(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>, hash: UInt64, to ids: inout [Int32]
  ) -> Bool {
    guard !slots.isEmpty, word.count <= Self.wordByteLimit else { return false }
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != 0 {
      let entry = entries[Int(slots[slot]) - 1]
      if entry.hash == hash, equals(entry, text, word) {
        for index in entry.idStart..<entry.idStart + entry.idCount { ids.append(values[index]) }
        return true
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return false
  }

  @inline(__always)
  private func equals(_ entry: Entry, _ text: borrowing Span<UInt8>, _ word: Range<Int>) -> Bool {
    guard entry.keyCount == word.count else { return false }
    for offset in 0..<word.count
    where keys[entry.keyStart + offset] != text[word.lowerBound + offset] {
      return false
    }
    return true
  }

  /// Keeps the ids of a word that is not known yet. A full cache starts anew.
  mutating func insert(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>, hash: UInt64, _ ids: ArraySlice<Int32>
  ) {
    guard word.count <= Self.wordByteLimit, ids.count <= Self.wordByteLimit else { return }
    if entries.count == Self.entryLimit {
      self = WordCache()
    }
    if slots.count < 2 * (entries.count + 1) { grow() }
    entries.append(
      Entry(
        hash: hash, keyStart: keys.count, keyCount: word.count, idStart: values.count,
        idCount: ids.count))
    for position in word { keys.append(text[position]) }
    values += ids
    place(entries.count - 1)
  }

  private mutating func grow() {
    slots = [Int32](repeating: 0, count: max(64, 4 * slots.count))
    for index in entries.indices { place(index) }
  }

  private mutating func place(_ index: Int) {
    var slot = Int(truncatingIfNeeded: entries[index].hash) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(truncatingIfNeeded: index + 1)
  }
}
