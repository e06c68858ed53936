/// How many magnitudes of each tile equal a threshold, in the order in which the first of them are taken.
///
/// Memory: 8 bytes for each tile.
package struct TieCounts: Sendable, Equatable {
  private var counts: [Int]

  package init(tileCount: Int) {
    counts = [Int](repeating: 0, count: tileCount)
  }

  package mutating func set(_ count: Int, ofTile tile: Int) { counts[tile] = count }

  /// The tile with the last of the first `taken` ties, at least 1, and which tie of the tile it is, from 1;
  /// nil if there are not so many.
  package func last(of taken: Int) -> (tile: Int, occurrence: Int)? {
    precondition(taken > 0)
    var rest = taken
    for (tile, count) in counts.enumerated() {
      guard count < rest else { return (tile, rest) }
      rest -= count
    }
    return nil
  }

  /// For each tile how many of the first `taken` ties it has.
  package func shares(of taken: Int) -> [Int] {
    var rest = taken
    return counts.map { count in
      let share = min(rest, count)
      rest -= share
      return share
    }
  }
}
