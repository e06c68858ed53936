/// A table from byte strings to ids, with all strings in one array.
/// - Complexity: O(*n*) on average to find a string of *n* bytes.
struct TokenTable: Sendable {
  private var bytes: [UInt8] = []
  /// The end of each string in `bytes`.
  private var ends: [Int] = []
  private var ids: [Int32] = []
  /// The index of a string plus one, or zero, at the places that its hash leads to.
  private var slots: [Int32]
  /// The length of the longest string.
  private(set) var longest = 0

  init(expectedCount: Int) {
    var size = 16
    while size < expectedCount * 2 { size *= 2 }
    slots = [Int32](repeating: 0, count: size)
  }

  var count: Int { ends.count }

  @inline(__always)
  static func hash(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for position in range {
      hash = (hash ^ UInt64(text[position])) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    return hash ^ hash >> 32
  }

  /// Returns the id of a string; nil if it is not in the table.
  func id(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Int32? {
    guard range.count <= longest else { return nil }
    var slot = Int(truncatingIfNeeded: Self.hash(text, range)) & (slots.count - 1)
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if equals(index, text, range) { return ids[index] }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  func id(_ text: [UInt8]) -> Int32? {
    let span = text.span
    return id(span, 0..<text.count)
  }

  private func range(_ index: Int) -> Range<Int> {
    (index == 0 ? 0 : ends[index - 1])..<ends[index]
  }

  @inline(__always)
  private func equals(_ index: Int, _ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
    let own = self.range(index)
    guard own.count == range.count else { return false }
    for offset in 0..<own.count
    where bytes[own.lowerBound + offset] != text[range.lowerBound + offset] {
      return false
    }
    return true
  }

  /// Adds a string. Returns false and adds nothing if the table has it.
  mutating func insert(_ text: [UInt8], _ id: Int32) -> Bool {
    let span = text.span
    guard self.id(span, 0..<text.count) == nil else { return false }
    bytes += text
    ends.append(bytes.count)
    ids.append(id)
    longest = max(longest, text.count)
    if ends.count * 2 > slots.count {
      slots = [Int32](repeating: 0, count: slots.count * 2)
      let all = bytes
      for index in ends.indices { place(index, Self.hash(all.span, range(index))) }
    } else {
      place(ends.count - 1, Self.hash(span, 0..<text.count))
    }
    return true
  }

  private mutating func place(_ index: Int, _ hash: UInt64) {
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(index + 1)
  }
}
