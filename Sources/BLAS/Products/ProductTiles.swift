/// The tiles of a product, each of which is one call. They depend on the shape alone, so that results do not depend on
/// the number of threads.
package struct ProductTiles: Equatable {
  private let rows: Int
  private let columns: Int
  /// The size of a tile; those at the end are smaller.
  private var tileRows: Int
  private var tileColumns: Int

  /// The largest tile; it is longer in one direction if the product is thinner than this in the other. Larger tiles are
  /// hardly faster, and fewer threads would share a product.
  private static let maximumRows = 256
  private static let maximumColumns = 512
  /// Tiles are a multiple of this, which suits the inner loops of all cores.
  private static let multiple = 16
  /// A product of fewer tiles gets smaller ones, unless they would be too small.
  private static let sharedCount = 4
  /// The smallest number of multiplications in a tile. It takes about 25 µs, for which another thread pays off.
  private static let minimumWork = 0x1p20
  /// The length at which a tile is not divided any more. Thinner ones are slow.
  private static let minimumEdge = 128

  package init(rows: Int, columns: Int, depth: Int) {
    self.rows = rows
    self.columns = columns
    tileRows = max(1, rows)
    tileColumns = max(1, columns)
    guard isDivisible(depth: depth) else { return }
    let maximumCount = Self.maximumRows * Self.maximumColumns
    tileRows = Self.edge(of: rows, maximum: maximumCount / min(tileColumns, Self.maximumColumns))
    tileColumns = Self.edge(
      of: columns, maximum: maximumCount / min(max(1, rows), Self.maximumRows))
    while count < Self.sharedCount, isDivisible(depth: depth) {
      if tileRows > tileColumns {
        tileRows = Self.edge(of: rows, maximum: Self.rounded((tileRows + 1) / 2))
      } else {
        tileColumns = Self.edge(of: columns, maximum: Self.rounded((tileColumns + 1) / 2))
      }
    }
  }

  private func isDivisible(depth: Int) -> Bool {
    Double(tileRows) * Double(tileColumns) * Double(depth) >= 2 * Self.minimumWork
      && max(tileRows, tileColumns) >= 2 * Self.minimumEdge
  }

  private static func rounded(_ length: Int) -> Int {
    (length + multiple - 1) / multiple * multiple
  }

  /// Divides a length in as few pieces as the maximum allows, of nearly equal length.
  private static func edge(of length: Int, maximum: Int) -> Int {
    guard length > maximum else { return max(1, length) }
    let pieceCount = (length + maximum - 1) / maximum
    return min(maximum, rounded((length + pieceCount - 1) / pieceCount))
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
