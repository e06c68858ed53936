/// Checks and sizes that all decompositions share.
enum LAPACKMatrix {
  /// Throws if a value is NaN or infinite, with which some functions of LAPACK never return.
  static func checkFinite(_ values: [Double], columns: Int) throws(DecompositionError) {
    guard let index = values.firstIndex(where: { !$0.isFinite }) else { return }
    throw DecompositionError(
      .notFinite(row: index / columns, column: index % columns, value: values[index]))
  }

  /// Returns the number of values of work memory that a function asks for.
  static func workCount(
    _ asked: Double, rows: Int, columns: Int
  ) throws(DecompositionError) -> Int32 {
    guard let count = Int32(exactly: asked.rounded(.up)) else {
      throw DecompositionError(.tooLarge(rows: rows, columns: columns))
    }
    return max(1, count)
  }

  /// Returns a size as LAPACK takes it.
  static func size(_ size: Int, rows: Int, columns: Int) throws(DecompositionError) -> Int32 {
    guard let size = Int32(exactly: size) else {
      throw DecompositionError(.tooLarge(rows: rows, columns: columns))
    }
    return size
  }

  /// Returns the transpose of a row-major matrix of shape [rows, columns].
  static func transposed(_ matrix: [Double], rows: Int, columns: Int) -> [Double] {
    var result = [Double](repeating: 0, count: matrix.count)
    for row in 0..<rows {
      for column in 0..<columns { result[column * rows + row] = matrix[row * columns + column] }
    }
    return result
  }
}
