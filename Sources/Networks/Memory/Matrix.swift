import BLAS

/// A matrix that products read or write: a part of the memory of a value, row by row with a stride.
struct Matrix<Scalar: NetworkScalar>: Sendable {
  let memory: Memory<Scalar>
  /// The index of the first number.
  var start = 0
  /// The sizes as stored.
  var storedRows: Int
  var storedColumns: Int
  /// The distance of two rows.
  var stride: Int
  var isTransposed = false

  init(_ memory: Memory<Scalar>, rows: Int, columns: Int) {
    self.init(memory, start: 0, rows: rows, columns: columns, stride: columns)
  }

  init(_ memory: Memory<Scalar>, start: Int, rows: Int, columns: Int, stride: Int) {
    self.memory = memory
    self.start = start
    (storedRows, storedColumns, self.stride) = (rows, columns, stride)
  }

  var rows: Int { isTransposed ? storedColumns : storedRows }
  var columns: Int { isTransposed ? storedRows : storedColumns }

  /// The layout as products read it.
  var layout: MatrixLayout { MatrixLayout(isTransposed: isTransposed, stride: max(1, stride)) }

  var transposed: Matrix {
    var result = self
    result.isTransposed.toggle()
    return result
  }

  /// Returns some rows as stored.
  func rows(_ range: Range<Int>) -> Matrix {
    precondition(!isTransposed && range.lowerBound >= 0 && range.upperBound <= storedRows)
    return Matrix(
      memory, start: start + range.lowerBound * stride, rows: range.count, columns: storedColumns,
      stride: stride)
  }

  /// Returns some columns as stored.
  func columns(_ range: Range<Int>) -> Matrix {
    precondition(!isTransposed && range.lowerBound >= 0 && range.upperBound <= storedColumns)
    return Matrix(
      memory, start: start + range.lowerBound, rows: storedRows, columns: range.count,
      stride: stride)
  }

  /// The part of the memory from the first to the last number.
  var elements: Range<Int> {
    storedRows == 0 || storedColumns == 0
      ? start..<start : start..<start + (storedRows - 1) * stride + storedColumns
  }
}
