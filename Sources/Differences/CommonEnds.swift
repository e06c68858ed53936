/// Matches names of two lists so that names with longer common ends are matched first.
enum CommonEnds {
  /// A name of one of the lists, with its bytes from the end to the start.
  private struct Entry {
    var bytes: [UInt8]
    var isA: Bool
    var index: Int
  }

  /// Returns the places of matched names in their lists. As many names are matched as the shorter list has.
  ///
  /// Names with the same end are neighbours once they are sorted by their bytes from the end. Groups of neighbours are
  /// united at their boundaries, those with the longest common end first. Names that a group cannot match within itself
  /// are all of one list.
  /// - Complexity: O(*n* log *n*) comparisons for *n* names.
  static func matches(_ a: [String], _ b: [String]) -> [(a: Int, b: Int)] {
    let entries = sorted(a, b)
    /// The names of each group that have no match, by the first and by the last place of the group.
    var unmatched = entries.indices.map { [$0] }
    var first = Array(entries.indices)
    var last = first
    var matches: [(a: Int, b: Int)] = []
    for boundary in boundaries(of: entries) {
      let start = first[boundary - 1]
      let end = last[boundary]
      var (left, right) = (unmatched[start], unmatched[boundary])
      (unmatched[start], unmatched[boundary]) = ([], [])
      // Appending the shorter list keeps the sum of all moves at O(n log n).
      if left.count < right.count { swap(&left, &right) }
      if let one = left.first, let other = right.first, entries[one].isA != entries[other].isA {
        for (x, y) in zip(left.suffix(right.count), right) {
          let (nameA, nameB) = entries[x].isA ? (x, y) : (y, x)
          matches.append((entries[nameA].index, entries[nameB].index))
        }
        left.removeLast(right.count)
      } else {
        left += right
      }
      unmatched[start] = left
      (last[start], first[end]) = (end, start)
    }
    return matches
  }

  private static func sorted(_ a: [String], _ b: [String]) -> [Entry] {
    let entries: [Entry] =
      a.enumerated().map { Entry(bytes: $1.utf8.reversed(), isA: true, index: $0) }
      + b.enumerated().map { Entry(bytes: $1.utf8.reversed(), isA: false, index: $0) }
    return entries.sorted { left, right in
      if left.bytes != right.bytes { return left.bytes.lexicographicallyPrecedes(right.bytes) }
      return left.isA == right.isA ? left.index < right.index : left.isA
    }
  }

  /// Returns the places of entries, without the first, by the length of the end that each has in common with the entry
  /// before it, the longest first.
  private static func boundaries(of entries: [Entry]) -> [Int] {
    let lengths = entries.indices.map { index in
      index == 0
        ? 0
        : zip(entries[index - 1].bytes, entries[index].bytes).prefix { $0 == $1 }.count
    }
    return entries.indices.dropFirst().sorted { left, right in
      lengths[left] == lengths[right] ? left < right : lengths[left] > lengths[right]
    }
  }
}
