/// The tiles of a product, each of which is one call. They depend on the shape alone, so that results do not depend on
/// the number of threads.
package struct ProductTiles: Equatable {
  private let rows: Int
  private let columns: Int
  /// The size of a tile; those at the end are smaller.
  let tileRows: Int
  let tileColumns: Int

  /// The largest tile. Larger ones are hardly faster, and fewer threads would share a product.
  private static let maximumRows = 256
  private static let maximumColumns = 512
  /// Tiles are a multiple of this, which suits the inner loops of all cores.
  private static let multiple = 16
  /// A product with fewer multiplications is one tile, because a second thread would not pay off.
  private static let wholeCount = 1 << 20

  package init(rows: Int, columns: Int, depth: Int) {
    self.rows = rows
    self.columns = columns
    if rows * columns < Self.wholeCount / max(1, depth) {
      tileRows = max(1, rows)
      tileColumns = max(1, columns)
    } else {
      tileRows = Self.edge(of: rows, maximum: Self.maximumRows)
      tileColumns = Self.edge(of: columns, maximum: Self.maximumColumns)
    }
  }

  /// Divides a length in as few pieces as the maximum allows, of nearly equal length.
  private static func edge(of length: Int, maximum: Int) -> Int {
    guard length > maximum else { return max(1, length) }
    let pieceCount = (length + maximum - 1) / maximum
    let piece = (length + pieceCount - 1) / pieceCount
    return min(maximum, (piece + multiple - 1) / multiple * multiple)
  }

  private var columnTileCount: Int { (columns + tileColumns - 1) / tileColumns }

  package var count: Int { (rows + tileRows - 1) / tileRows * columnTileCount }

  /// Returns the rows and columns of a tile. Tiles go along the rows of C.
  package subscript(index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let (row, column) = index.quotientAndRemainder(dividingBy: columnTileCount)
    return (
      row * tileRows..<min(rows, (row + 1) * tileRows),
      column * tileColumns..<min(columns, (column + 1) * tileColumns)
    )
  }
}
