import Glibc
import Synchronization

/// Compares the output layers of two networks, tile by tile of the vocabulary, so that logits are never stored.
///
/// The divergence is E[b − q] − (log Σ exp(b) − log Σ exp(q)), with the mean over the distribution of the base's logits b.
package final class VocabularyComparison: Sendable {
  private struct Row {
    var base = LogitRow()
    var other = LogitRow()
    /// Σ exp(b − largest b) (b − q).
    var difference = 0.0

    mutating func add(_ tile: Row) {
      let largest = max(base.largest, tile.base.largest)
      difference =
        difference * exp(base.largest - largest)
        + tile.difference * exp(tile.base.largest - largest)
      base.add(tile.base)
      other.add(tile.other)
    }
  }

  private let rows: Mutex<[Row]>
  private let targets: [Int32]

  /// - Parameter targets: The token that each row is about; negative for rows that do not count.
  package init(targets: [Int32]) {
    self.targets = targets
    rows = Mutex(Array(repeating: Row(), count: targets.count))
  }

  /// Adds the logits of both networks for some rows and a tile of the vocabulary. Tiles must come in order.
  /// - Parameters:
  ///   - base: Shape `[rows.count, tile]`, as is `other`.
  ///   - tile: The tokens of the columns.
  package func add(
    _ base: Value<Float>, _ other: Value<Float>, rows: Range<Int>, tile: Range<Int>,
    _ compute: Compute
  ) throws {
    try compute.forEachRows(rows.count, columns: tile.count) { part in
      let (b, q) = (base.span, other.span)
      let sums = part.map { row in
        let range = row * tile.count..<(row + 1) * tile.count
        let target = targets[rows.lowerBound + row]
        var sum = Row(
          base: LogitRow(b, range, first: tile.lowerBound, target: target),
          other: LogitRow(q, range, first: tile.lowerBound, target: target))
        let largest = Float(sum.base.largest)
        sum.difference = Double(
          b.sum(range) { x, index in
            let y = q.lanes(index, end: range.upperBound)
            // Lanes of padding are equal, which makes their terms 0.
            return Float.exp(x - largest) * (x - y)
          })
        return sum
      }
      self.rows.withLock { all in
        for (row, sum) in zip(part, sums) { all[rows.lowerBound + row].add(sum) }
      }
    }
  }

  /// The comparisons of all rows, after all tiles.
  package var comparisons: [TokenComparison] {
    rows.withLock { rows in
      rows.map { row in
        let mean = row.difference / row.base.sum
        return TokenComparison(
          base: TokenScore(
            logProbability: row.base.target - row.base.logSum, top: row.base.top),
          other: TokenScore(
            logProbability: row.other.target - row.other.logSum, top: row.other.top),
          divergence: max(0, mean - (row.base.logSum - row.other.logSum)))
      }
    }
  }
}
