import BLAS
import Base
import TestSupport
import Testing

@Suite(.needsOpenBLAS) struct DecompositionTests {
  @Test(
    "eigenvectors of a symmetric matrix are orthonormal and rebuild it",
    arguments: [1, 2, 3, 7, 40, 131])
  func symmetric(size: Int) throws {
    let blas = try OpenBLAS.load()
    let expected = (0..<size).map { Double($0 * $0) - 7.5 }
    let vectors = Matrix.orthonormal(rows: size, columns: size, seed: 11)
    let matrix = Self.scaled(vectors, expected, vectors, rows: size, columns: size)
    let result = try SymmetricEigenvalues.of(matrix, size: size, by: blas)
    let limit = 1e-12 * Double(size * size + 10)
    #expect(Matrix.distance(result.values, expected) < limit)
    let columns = Matrix.transposed(result.vectors, rows: size, columns: size)
    #expect(
      Matrix.distance(
        Matrix.product(result.vectors, columns, rows: size, columns: size, depth: size),
        Matrix.identity(size)) < 1e-12)
    let rebuilt = Self.scaled(columns, result.values, columns, rows: size, columns: size)
    #expect(Matrix.distance(rebuilt, matrix) < limit)
    let valuesOnly = try SymmetricEigenvalues.of(matrix, size: size, vectors: false, by: blas)
    #expect(valuesOnly.vectors.isEmpty)
    #expect(Matrix.distance(valuesOnly.values, expected) < limit)
  }

  @Test("values above the diagonal of a symmetric matrix are not used")
  func lowerHalf() throws {
    let result = try SymmetricEigenvalues.of([2, 99, 1, 2], size: 2, by: OpenBLAS.load())
    #expect(Matrix.distance(result.values, [1, 3]) < 1e-15)
  }

  struct Sizes: Sendable, CustomTestStringConvertible {
    var rows: Int
    var columns: Int
    var testDescription: String { "\(rows) x \(columns)" }
  }

  static let sizes = [
    Sizes(rows: 1, columns: 1), Sizes(rows: 1, columns: 5), Sizes(rows: 5, columns: 1),
    Sizes(rows: 2, columns: 3), Sizes(rows: 33, columns: 17), Sizes(rows: 17, columns: 33),
    Sizes(rows: 150, columns: 64), Sizes(rows: 64, columns: 150), Sizes(rows: 90, columns: 90),
  ]

  @Test(
    "singular vectors are orthonormal and rebuild the matrix", arguments: sizes,
    SingularValues.Algorithm.allCases)
  func singular(sizes: Sizes, algorithm: SingularValues.Algorithm) throws {
    let blas = try OpenBLAS.load()
    let (rows, columns) = (sizes.rows, sizes.columns)
    let count = min(rows, columns)
    // The last value is 0 if there are several.
    let expected = (0..<count).map { count == 1 ? 3 : Double(count - 1 - $0) / 4 }
    let left = Matrix.orthonormal(rows: rows, columns: count, seed: 21)
    let right = Matrix.orthonormal(rows: columns, columns: count, seed: 4_001)
    let matrix = Self.scaled(left, expected, right, rows: rows, columns: columns)
    let result = try SingularValues.of(
      matrix, rows: rows, columns: columns, vectors: true, algorithm: algorithm, by: blas)
    #expect(result.left.count == rows * count && result.right.count == count * columns)
    #expect(Matrix.distance(result.values, expected) < 1e-12)
    let u = Matrix.transposed(result.left, rows: rows, columns: count)
    #expect(
      Matrix.distance(
        Matrix.product(u, result.left, rows: count, columns: count, depth: rows),
        Matrix.identity(count)) < 1e-12)
    let v = Matrix.transposed(result.right, rows: count, columns: columns)
    #expect(
      Matrix.distance(
        Matrix.product(result.right, v, rows: count, columns: count, depth: columns),
        Matrix.identity(count)) < 1e-12)
    let rebuilt = Self.scaled(result.left, result.values, v, rows: rows, columns: columns)
    #expect(Matrix.distance(rebuilt, matrix) < 1e-11)
    let valuesOnly = try SingularValues.of(
      matrix, rows: rows, columns: columns, vectors: false, algorithm: algorithm, by: blas)
    #expect(valuesOnly.left.isEmpty && valuesOnly.right.isEmpty)
    #expect(Matrix.distance(valuesOnly.values, expected) < 1e-12)
  }

  @Test("least squares find the solution of a system with an exact one", arguments: sizes)
  func exactSystem(sizes: Sizes) throws {
    let (rows, columns) = (sizes.rows, sizes.columns)
    let matrix: [Double] = Matrix.random(rows * columns, seed: 31)
    // With more columns than rows, the solution of the smallest norm is Aᵀ · Y.
    let sides = 3
    let solution =
      rows >= columns
      ? Matrix.random(columns * sides, seed: 32)
      : Matrix.product(
        Matrix.transposed(matrix, rows: rows, columns: columns),
        Matrix.random(rows * sides, seed: 32), rows: columns, columns: sides, depth: rows)
    let b = Matrix.product(matrix, solution, rows: rows, columns: sides, depth: columns)
    let result = try LeastSquares.of(
      matrix, rows: rows, columns: columns, rightSides: b, sides: sides, by: OpenBLAS.load())
    #expect(result.rank == min(rows, columns))
    #expect(Matrix.distance(result.solution, solution) < 1e-8)
  }

  @Test("the residual of least squares is orthogonal to the columns", arguments: [(40, 7), (9, 8)])
  func residual(rows: Int, columns: Int) throws {
    let matrix: [Double] = Matrix.random(rows * columns, seed: 33)
    let b: [Double] = Matrix.random(rows, seed: 34)
    let result = try LeastSquares.of(
      matrix, rows: rows, columns: columns, rightSides: b, sides: 1, by: OpenBLAS.load())
    let fitted = Matrix.product(matrix, result.solution, rows: rows, columns: 1, depth: columns)
    let residual = zip(b, fitted).map { $0 - $1 }
    let dots = Matrix.product(
      Matrix.transposed(matrix, rows: rows, columns: columns), residual, rows: columns, columns: 1,
      depth: rows)
    #expect(Matrix.distance(dots, [Double](repeating: 0, count: columns)) < 1e-12)
    #expect(residual.contains { $0.magnitude > 1e-3 })
  }

  @Test("a matrix of lower rank has the solution of the smallest norm")
  func lowRank() throws {
    // x + y = 2 twice: the smallest solution is (1, 1).
    let result = try LeastSquares.of(
      [1, 1, 1, 1], rows: 2, columns: 2, rightSides: [2, 2], sides: 1, by: OpenBLAS.load())
    #expect(result.rank == 1)
    #expect(Matrix.distance(result.solution, [1, 1]) < 1e-14)
    #expect(Matrix.distance(result.singularValues, [2, 0]) < 1e-14)
  }

  @Test("a higher tolerance lowers the rank")
  func tolerance() throws {
    let blas = try OpenBLAS.load()
    for (tolerance, rank) in [(1e-4, 2), (1e-2, 1)] {
      let result = try LeastSquares.of(
        [1, 0, 0, 1e-3], rows: 2, columns: 2, rightSides: [1, 1], sides: 1, tolerance: tolerance,
        by: blas)
      #expect(result.rank == rank)
      #expect(Matrix.distance(result.solution, [1, rank == 2 ? 1_000 : 0]) < 1e-9)
    }
  }

  @Test(
    "eigenvalues of a matrix that is similar to blocks are those of the blocks",
    arguments: [2, 3, 8, 51])
  func general(size: Int) throws {
    // Blocks [a b; -b a] have the eigenvalues a ± bi; a last single one is real.
    var blocks = [Double](repeating: 0, count: size * size)
    var expected: [(Double, Double)] = []
    for start in stride(from: 0, to: size, by: 2) {
      let (a, b) = (Double(size - start) / 2 + 1, Double(start) / 4 + 0.5)
      if start + 1 < size {
        blocks[start * size + start] = a
        blocks[start * size + start + 1] = b
        blocks[(start + 1) * size + start] = -b
        blocks[(start + 1) * size + start + 1] = a
        expected += [(a, b), (a, -b)]
      } else {
        blocks[start * size + start] = -40
        expected.append((-40, 0))
      }
    }
    let basis = Matrix.orthonormal(rows: size, columns: size, seed: 41)
    let turned = Matrix.product(
      Matrix.product(basis, blocks, rows: size, columns: size, depth: size),
      Matrix.transposed(basis, rows: size, columns: size), rows: size, columns: size, depth: size)
    let result = try GeneralEigenvalues.of(turned, size: size, by: OpenBLAS.load())
    let magnitudes = zip(result.real, result.imaginary).map { $0 * $0 + $1 * $1 }
    for (larger, smaller) in zip(magnitudes, magnitudes.dropFirst()) {
      #expect(larger >= smaller - 1e-9)
    }
    for (real, imaginary) in expected {
      let nearest = zip(result.real, result.imaginary).map { pair in
        max((pair.0 - real).magnitude, (pair.1 - imaginary).magnitude)
      }.min()
      #expect((nearest ?? .infinity) < 1e-10)
    }
  }

  @Test("the order of conjugate eigenvalues is fixed")
  func order() throws {
    let result = try GeneralEigenvalues.of([0, 1, -1, 0], size: 2, by: OpenBLAS.load())
    #expect(Matrix.distance(result.real, [0, 0]) < 1e-15)
    #expect(Matrix.distance(result.imaginary, [1, -1]) < 1e-15)
  }

  @Test("matrices without values have empty decompositions")
  func empty() throws {
    let blas = try OpenBLAS.load()
    #expect(try SymmetricEigenvalues.of([], size: 0, by: blas).values.isEmpty)
    #expect(try SingularValues.of([], rows: 0, columns: 4, by: blas).values.isEmpty)
    #expect(try GeneralEigenvalues.of([], size: 0, by: blas).real.isEmpty)
    let result = try LeastSquares.of(
      [], rows: 0, columns: 2, rightSides: [], sides: 2, by: blas)
    #expect(result.solution == [0, 0, 0, 0] && result.rank == 0)
  }

  @Test(
    "a value that is not finite is an error with its place",
    arguments: [Double.infinity, -.infinity])
  func notFinite(value: Double) throws {
    let blas = try OpenBLAS.load()
    let expected = DecompositionError(.notFinite(row: 1, column: 0, value: value))
    let matrix = [1, 2, value, 3]
    #expect(throws: expected) { try SymmetricEigenvalues.of(matrix, size: 2, by: blas) }
    #expect(throws: expected) { try GeneralEigenvalues.of(matrix, size: 2, by: blas) }
    #expect(throws: expected) { try SingularValues.of(matrix, rows: 2, columns: 2, by: blas) }
    #expect(throws: expected) {
      try LeastSquares.of(
        matrix, rows: 2, columns: 2, rightSides: [1, 2], sides: 1, by: blas)
    }
    #expect(throws: expected) {
      try LeastSquares.of(
        [1, 2, 3, 4], rows: 2, columns: 2, rightSides: [1, value], sides: 1, by: blas)
    }
  }

  @Test("NaN is an error with its place")
  func nan() throws {
    let blas = try OpenBLAS.load()
    let error = #expect(throws: DecompositionError.self) {
      try SingularValues.of([1, 2, 3, 4, .nan, 6], rows: 2, columns: 3, by: blas)
    }
    guard case .notFinite(1, 1, let value) = error?.problem else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(value.isNaN)
  }

  /// Returns left · diag(values) · rightᵀ for left [rows, count] and right [columns, count].
  private static func scaled(
    _ left: [Double], _ values: [Double], _ right: [Double], rows: Int, columns: Int
  ) -> [Double] {
    let count = values.count
    let scaled = left.indices.map { left[$0] * values[$0 % count] }
    return Matrix.product(
      scaled, Matrix.transposed(right, rows: columns, columns: count), rows: rows,
      columns: columns, depth: count)
  }
}
