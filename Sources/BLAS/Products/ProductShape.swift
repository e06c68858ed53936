/// The shape of a product C = op(A) · op(B) and the row-major layout of its matrices.
///
/// op(A) is rows × depth, op(B) depth × columns, and C rows × columns. A stride is the distance between stored rows, in
/// values.
package struct ProductShape: Equatable, Sendable {
  var rows: Int
  var columns: Int
  var depth: Int
  var aTransposed: Bool
  var bTransposed: Bool
  private(set) var aStride: Int
  private(set) var bStride: Int
  private(set) var cStride: Int

  /// Creates a shape. A stride that is nil is the length of a stored row. Traps if a size is negative or does not fit in
  /// 32 bits, or if a stride is shorter than a row.
  package init(
    rows: Int, columns: Int, depth: Int, aTransposed: Bool, bTransposed: Bool, aStride: Int?,
    bStride: Int?, cStride: Int?
  ) {
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.aTransposed = aTransposed
    self.bTransposed = bTransposed
    let aWidth = aTransposed ? rows : depth
    let bWidth = bTransposed ? depth : columns
    self.aStride = aStride ?? max(1, aWidth)
    self.bStride = bStride ?? max(1, bWidth)
    self.cStride = cStride ?? max(1, columns)
    let sizes = [rows, columns, depth, self.aStride, self.bStride, self.cStride]
    precondition(sizes.allSatisfy { $0 >= 0 && $0 <= Int(Int32.max) })
    precondition(self.aStride >= max(1, aWidth) && self.bStride >= max(1, bWidth))
    precondition(self.cStride >= max(1, columns))
  }

  /// The number of values from the first to the last of each matrix.
  var aCount: Int {
    Self.count(
      rows: aTransposed ? depth : rows, width: aTransposed ? rows : depth, stride: aStride)
  }
  var bCount: Int {
    Self.count(
      rows: bTransposed ? columns : depth, width: bTransposed ? depth : columns, stride: bStride)
  }
  var cCount: Int { Self.count(rows: rows, width: columns, stride: cStride) }

  private static func count(rows: Int, width: Int, stride: Int) -> Int {
    rows == 0 || width == 0 ? 0 : (rows - 1) * stride + width
  }

  /// Returns true if the matrices C that start at these places have no value in common.
  /// - Complexity: O(*n* log *n*) if they follow each other, O(*n*²) if all of them are interleaved.
  package func areDisjoint(_ places: [Int]) -> Bool {
    guard cCount > 0 else { return true }
    let sorted = places.sorted()
    for (index, place) in sorted.enumerated() {
      for other in sorted[(index + 1)...] {
        let distance = other - place
        guard distance < cCount else { break }
        let (rowDistance, columnDistance) = distance.quotientAndRemainder(dividingBy: cStride)
        // Rows of both start in the same stored row, or those of the other also reach into the next one.
        let meetsRow = rowDistance < rows && columnDistance < columns
        let meetsNextRow = rowDistance + 1 < rows && columnDistance > cStride - columns
        if meetsRow || meetsNextRow { return false }
      }
    }
    return true
  }
}
