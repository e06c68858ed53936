/// The solution X of the linear least squares problem min ‖A · X − B‖ with the smallest norm.
package struct LeastSquares: Sendable, Equatable {
  /// X, row-major, shape [columns, sides].
  package let solution: [Double]
  /// The number of singular values of A that are larger than the tolerance times the largest one.
  package let rank: Int
  /// The singular values of A in descending order.
  package let singularValues: [Double]

  /// Solves a problem with dgelsd of LAPACK, which also solves problems whose matrix lacks full rank.
  ///
  /// - Parameters:
  ///   - matrix: A, row-major, shape [rows, columns].
  ///   - rightSides: B, row-major, shape [rows, sides].
  ///   - tolerance: Singular values up to this part of the largest one count as 0. The default is the larger dimension
  ///     times 2⁻⁵².
  /// - Throws: ``DecompositionError`` if a value is not finite, or if the iteration does not converge.
  /// - Complexity: O(rows · columns · min(rows, columns)) time; O(rows · columns) memory.
  package static func of(
    _ matrix: [Double], rows: Int, columns: Int, rightSides: [Double], sides: Int,
    tolerance: Double? = nil, by blas: BLAS
  ) throws(DecompositionError) -> LeastSquares {
    precondition(rows >= 0 && columns >= 0 && matrix.count == rows * columns)
    precondition(sides >= 0 && rightSides.count == rows * sides)
    guard rows > 0, columns > 0, sides > 0 else {
      return LeastSquares(
        solution: [Double](repeating: 0, count: columns * sides), rank: 0, singularValues: [])
    }
    try LAPACKMatrix.checkFinite(matrix, columns: columns)
    try LAPACKMatrix.checkFinite(rightSides, columns: sides)
    let height = max(rows, columns)
    var a = LAPACKMatrix.transposed(matrix, rows: rows, columns: columns)
    // Column by column, with room for the solution if that is longer.
    var b = [Double](repeating: 0, count: height * sides)
    for row in 0..<rows {
      for side in 0..<sides { b[side * height + row] = rightSides[row * sides + side] }
    }
    let m = try LAPACKMatrix.size(rows, rows: rows, columns: columns)
    let n = try LAPACKMatrix.size(columns, rows: rows, columns: columns)
    let sideCount = try LAPACKMatrix.size(sides, rows: rows, columns: columns)
    let leading = max(m, n)
    var singularValues = [Double](repeating: 0, count: min(rows, columns))
    let limit = tolerance ?? Double(height) * Double.ulpOfOne
    var (rank, info): (Int32, Int32) = (0, 0)
    func call(_ work: inout [Double], _ integers: inout [Int32], _ workCount: Int32) {
      // SAFETY: the arrays have the sizes that dgelsd documents, and live during the call.
      unsafe blas.library.lapack.dgelsd(
        [m], [n], [sideCount], &a, [m], &b, [leading], &singularValues, [limit], &rank, &work,
        [workCount], &integers, &info)
    }
    var work = [0.0]
    var integers: [Int32] = [0]
    call(&work, &integers, -1)
    let workCount = try LAPACKMatrix.workCount(work[0], rows: rows, columns: columns)
    work = [Double](repeating: 0, count: Int(workCount))
    integers = [Int32](repeating: 0, count: Int(max(1, integers[0])))
    call(&work, &integers, workCount)
    guard info == 0 else {
      throw DecompositionError(.noConvergence(function: "dgelsd", info: Int(info)))
    }
    var solution = [Double](repeating: 0, count: columns * sides)
    for row in 0..<columns {
      for side in 0..<sides { solution[row * sides + side] = b[side * height + row] }
    }
    return LeastSquares(solution: solution, rank: Int(rank), singularValues: singularValues)
  }
}
