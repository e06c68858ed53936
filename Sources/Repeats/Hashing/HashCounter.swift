/// The numbers of times that hashes occur, within bounded memory: equal hashes take the room of one.
package struct HashCounter {
  /// Hashes that were not counted yet.
  private var pending: [UInt64] = []
  /// The hashes in ascending order with their counts.
  private var counted = HashRecords()
  private let pendingLimit: Int
  private let countedLimit: Int

  /// - Parameter memory: The number of bytes for the hashes.
  package init(memory: Int) {
    // Sorting and merging need as much memory again as the hashes.
    pendingLimit = max(1 << 13, memory / 4 / 16)
    countedLimit = max(1 << 13, memory / 2 / HashRecords.byteCountPerRecord)
  }

  /// Returns false if there are more different hashes than fit into memory.
  package mutating func add(_ hashes: [UInt64]) -> Bool {
    pending += hashes
    guard pending.count >= pendingLimit else { return true }
    collapse()
    return counted.count <= countedLimit
  }

  /// Calls `body` with the number of times that each hash occurs.
  package mutating func forEachCount(_ body: (Int) -> Void) {
    collapse()
    for index in 0..<counted.count { body(counted.value(at: index)) }
  }

  private mutating func collapse() {
    sortKeys(&pending)
    var merged = HashRecords()
    var (next, start) = (0, 0)
    while start < pending.count {
      let hash = pending[start]
      var end = start + 1
      while end < pending.count, pending[end] == hash { end += 1 }
      while next < counted.count, counted.key(at: next) < hash {
        merged.append(key: counted.key(at: next), value: counted.value(at: next))
        next += 1
      }
      var count = end - start
      if next < counted.count, counted.key(at: next) == hash {
        count += counted.value(at: next)
        next += 1
      }
      merged.append(key: hash, value: count)
      start = end
    }
    while next < counted.count {
      merged.append(key: counted.key(at: next), value: counted.value(at: next))
      next += 1
    }
    counted = merged
    pending.removeAll(keepingCapacity: true)
  }
}
