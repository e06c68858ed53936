/// A table from pairs of ids to the rank of their merge and the id of the merged token.
struct PairTable: Sendable {
  struct Merge: Equatable, Sendable {
    var rank: UInt32
    var id: Int32
  }

  private static let empty = UInt64.max

  private var keys: [UInt64]
  private var merges: [Merge]

  init(expectedCount: Int) {
    var size = 16
    while size < expectedCount * 2 { size *= 2 }
    keys = [UInt64](repeating: Self.empty, count: size)
    merges = [Merge](repeating: Merge(rank: 0, id: 0), count: size)
  }

  @inline(__always)
  private func slot(_ key: UInt64) -> Int {
    let mixed = (key ^ key >> 32 &* 0x9E37_79B9) &* 0x9E37_79B9_7F4A_7C15
    var slot = Int(truncatingIfNeeded: mixed >> 32) & (keys.count - 1)
    while keys[slot] != key, keys[slot] != Self.empty { slot = (slot + 1) & (keys.count - 1) }
    return slot
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> Merge? {
    let key = Self.key(left, right)
    let slot = slot(key)
    return keys[slot] == key ? merges[slot] : nil
  }

  /// Adds a merge, or replaces the one of the same pair. At most half of the expected size must be used.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let key = Self.key(left, right)
    let slot = slot(key)
    keys[slot] = key
    merges[slot] = merge
  }
}
