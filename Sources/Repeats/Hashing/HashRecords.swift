import CRepeats

/// Keys with values, which are sorted by their keys. Records with equal keys keep their order.
///
/// - Complexity: O(*n*) time; sorting needs as much memory again as the records.
@safe struct HashRecords: Sendable {
  typealias Record = sumac_record

  /// The memory of a record while they are sorted.
  static let byteCountPerRecord = 32

  private(set) var records: [Record] = []

  var count: Int { records.count }

  mutating func append(key: UInt64, value: Int) {
    records.append(Record(key: key, value: UInt64(value)))
  }

  mutating func append(contentsOf other: HashRecords) { records += other.records }

  /// Removes the records with one of these keys; the others keep their order.
  mutating func remove(keys: Set<UInt64>) { records.removeAll { keys.contains($0.key) } }

  mutating func sort() {
    var scratch = [Record](repeating: Record(key: 0, value: 0), count: records.count)
    // SAFETY: both arrays have the same length.
    unsafe records.withUnsafeMutableBufferPointer { records in
      unsafe scratch.withUnsafeMutableBufferPointer { scratch in
        guard let first = records.baseAddress, let room = scratch.baseAddress else { return }
        unsafe sumac_sort_records(first, room, records.count)
      }
    }
  }

  /// Calls `body` with the range of each run of equal keys, in ascending order.
  func forEachGroup(_ body: (Range<Int>) throws -> Void) rethrows {
    var start = 0
    while start < records.count {
      var end = start + 1
      while end < records.count, records[end].key == records[start].key { end += 1 }
      try body(start..<end)
      start = end
    }
  }

  /// Returns the keys that more than `limit` records have.
  func keys(ofMoreThan limit: Int) -> Set<UInt64> {
    var keys: Set<UInt64> = []
    forEachGroup { if $0.count > limit { keys.insert(records[$0.lowerBound].key) } }
    return keys
  }

  func key(at index: Int) -> UInt64 { records[index].key }

  func value(at index: Int) -> Int { Int(records[index].value) }
}

/// Sorts numbers in place.
func sortKeys(_ keys: inout [UInt64]) {
  var scratch = [UInt64](repeating: 0, count: keys.count)
  // SAFETY: both arrays have the same length.
  unsafe keys.withUnsafeMutableBufferPointer { keys in
    unsafe scratch.withUnsafeMutableBufferPointer { scratch in
      guard let first = keys.baseAddress, let room = scratch.baseAddress else { return }
      unsafe sumac_sort_keys(first, room, keys.count)
    }
  }
}
