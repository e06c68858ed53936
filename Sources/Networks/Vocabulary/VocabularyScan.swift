import Synchronization

/// Scores tokens by the output layer of a network, tile by tile of the vocabulary, so that logits are never stored.
///
/// The sums over a tile are of float32 in a fixed order; those over tiles of float64. The tiles depend on the size of the
/// vocabulary alone.
/// - Complexity: O(tokens · vocabulary · hidden size) time; O(tokens) memory beside a tile of weights and one of logits.
package final class VocabularyScan: Sendable {
  /// The number of tokens of the vocabulary in a tile.
  package static let tileRowCount = 4096

  private let rows: Mutex<[LogitRow]>
  private let targets: [Int32]

  /// - Parameter targets: The token that each row is about; negative for rows that do not count.
  package init(targets: [Int32]) {
    self.targets = targets
    rows = Mutex(Array(repeating: LogitRow(), count: targets.count))
  }

  /// Adds the logits of some rows for a tile of the vocabulary. Tiles must come in order.
  /// - Parameters:
  ///   - logits: Shape `[rows.count, tile]`.
  ///   - tile: The tokens of the columns.
  package func add(
    _ logits: Value<Float>, rows: Range<Int>, tile: Range<Int>, _ compute: Compute
  ) throws {
    try compute.forEachRows(rows.count, columns: tile.count) { part in
      let span = logits.span
      let sums = part.map { row in
        LogitRow(
          span, row * tile.count..<(row + 1) * tile.count, first: tile.lowerBound,
          target: targets[rows.lowerBound + row])
      }
      self.rows.withLock { all in
        for (row, sum) in zip(part, sums) { all[rows.lowerBound + row].add(sum) }
      }
    }
  }

  /// The scores of all rows, after all tiles.
  package var scores: [TokenScore] {
    rows.withLock { rows in
      rows.map { TokenScore(logProbability: $0.target - $0.logSum, top: $0.top) }
    }
  }
}
