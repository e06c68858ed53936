/// The memory of merging the characters of a word, which is used again for the next one.
struct MergeScratch: Sendable {
  /// The number of characters up to which the pairs are searched one by one.
  private static let shortCount = 24

  /// The ids of the word: characters before `mergeAll`, tokens after it.
  var ids: [Int32] = []
  private var ranks: [UInt32] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  private var queue = MinimumQueue()

  /// Merges the pair with the lowest rank, leftmost first, until there is none.
  /// - Complexity: O(*n* log *n*) for *n* ids.
  mutating func mergeAll(_ merges: borrowing PairTable) {
    guard ids.count > 1 else { return }
    if ids.count <= Self.shortCount { mergeShort(merges) } else { mergeLong(merges) }
  }

  private static func rank(_ left: Int32, _ right: Int32, _ merges: borrowing PairTable) -> UInt32 {
    merges.merge(left, right)?.rank ?? .max
  }

  private mutating func mergeShort(_ merges: borrowing PairTable) {
    ranks.removeAll(keepingCapacity: true)
    for index in 1..<ids.count { ranks.append(Self.rank(ids[index - 1], ids[index], merges)) }
    while true {
      var best = UInt32.max
      var place = -1
      for index in ranks.indices where ranks[index] < best {
        (best, place) = (ranks[index], index)
      }
      guard place >= 0, let merge = merges.merge(ids[place], ids[place + 1]) else { return }
      ids[place] = merge.id
      ids.remove(at: place + 1)
      ranks.remove(at: place)
      if place > 0 { ranks[place - 1] = Self.rank(ids[place - 1], ids[place], merges) }
      if place < ranks.count { ranks[place] = Self.rank(ids[place], ids[place + 1], merges) }
    }
  }

  private mutating func mergeLong(_ merges: borrowing PairTable) {
    let count = ids.count
    next = (0..<count).map { $0 + 1 < count ? Int32(truncatingIfNeeded: $0 + 1) : -1 }
    previous = (0..<count).map { Int32(truncatingIfNeeded: $0 - 1) }
    queue.removeAll()
    for place in 0..<count { push(place, merges) }
    while let entry = queue.pop() {
      let place = Int(entry & 0xFFFF_FFFF)
      guard ids[place] >= 0, next[place] >= 0 else { continue }
      let right = Int(next[place])
      // An entry whose pair has changed since has another rank now.
      guard let merge = merges.merge(ids[place], ids[right]), UInt64(merge.rank) == entry >> 32
      else { continue }
      ids[place] = merge.id
      ids[right] = -1
      next[place] = next[right]
      if next[right] >= 0 { previous[Int(next[right])] = Int32(truncatingIfNeeded: place) }
      if previous[place] >= 0 { push(Int(previous[place]), merges) }
      push(place, merges)
    }
    ids.removeAll { $0 < 0 }
  }

  /// Adds the pair that starts at `place` to the queue if it has a merge.
  private mutating func push(_ place: Int, _ merges: borrowing PairTable) {
    guard next[place] >= 0, let merge = merges.merge(ids[place], ids[Int(next[place])]) else {
      return
    }
    queue.push(UInt64(merge.rank) << 32 | UInt64(place))
  }
}

/// A binary heap that returns the smallest value first.
struct MinimumQueue: Sendable {
  private var values: [UInt64] = []

  mutating func removeAll() { values.removeAll(keepingCapacity: true) }

  mutating func push(_ value: UInt64) {
    values.append(value)
    var child = values.count - 1
    while child > 0, values[(child - 1) / 2] > value {
      values[child] = values[(child - 1) / 2]
      child = (child - 1) / 2
    }
    values[child] = value
  }

  mutating func pop() -> UInt64? {
    guard let first = values.first, let last = values.popLast() else { return nil }
    guard !values.isEmpty else { return first }
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < values.count else { break }
      if child + 1 < values.count, values[child + 1] < values[child] { child += 1 }
      guard values[child] < last else { break }
      values[place] = values[child]
      place = child
    }
    values[place] = last
    return first
  }
}
