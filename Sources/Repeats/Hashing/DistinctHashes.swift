/// The different hashes of a sequence, within bounded memory.
struct DistinctHashes {
  /// The hashes; in ascending order and different from each other after ``collapse()``.
  private(set) var hashes: [UInt64] = []
  private let limit: Int

  /// The memory for each hash up to the limit, in bytes.
  static let byteCountPerHash = 32

  /// - Parameter limit: The number of different hashes that fit into memory.
  init(limit: Int) { self.limit = limit }

  /// Returns false if there are more different hashes than fit into memory.
  mutating func add(_ more: [UInt64]) -> Bool {
    hashes += more
    guard hashes.count > 2 * limit else { return true }
    collapse()
    return hashes.count <= limit
  }

  /// Sorts the hashes and removes all but one of equal ones.
  mutating func collapse() {
    hashes.sort()
    var count = 0
    for index in hashes.indices where count == 0 || hashes[count - 1] != hashes[index] {
      hashes[count] = hashes[index]
      count += 1
    }
    hashes.removeLast(hashes.count - count)
  }
}
