/// The number of magnitudes in each tile that equal a threshold, in the order in which ties are selected.
///
/// Memory: 8 bytes for each tile.
package struct TieCounts: Sendable, Equatable {
  private var counts: [Int]

  package init(tileCount: Int) {
    counts = [Int](repeating: 0, count: tileCount)
  }

  package mutating func set(_ count: Int, ofTile tile: Int) { counts[tile] = count }

  /// Returns the tile that contains the last of the first `taken` ties and the number of that tie within the
  /// tile, counted from 1; nil if there are fewer ties.
  /// - Parameter taken: The number of ties that are selected, at least 1.
  package func last(of taken: Int) -> (tile: Int, occurrence: Int)? {
    precondition(taken > 0)
    var rest = taken
    for (tile, count) in counts.enumerated() {
      guard count < rest else { return (tile, rest) }
      rest -= count
    }
    return nil
  }

  /// Returns the number of the first `taken` ties that each tile contains.
  package func shares(of taken: Int) -> [Int] {
    var rest = taken
    return counts.map { count in
      let share = min(rest, count)
      rest -= share
      return share
    }
  }
}
