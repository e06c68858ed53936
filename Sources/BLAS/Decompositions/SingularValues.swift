/// The thin singular value decomposition A = U · diag(s) · Vᵀ of a real matrix, with k = min(rows, columns) values.
package struct SingularValues: Sendable, Equatable {
  /// The singular values in descending order, none of them negative.
  package let values: [Double]
  /// U, row-major, shape [rows, k], with orthonormal columns; empty if the vectors were not asked for. The sign of a
  /// column is arbitrary, together with that of the row of Vᵀ.
  package let left: [Double]
  /// Vᵀ, row-major, shape [k, columns], with orthonormal rows; empty if the vectors were not asked for.
  package let right: [Double]

  /// The algorithm of LAPACK.
  package enum Algorithm: CaseIterable, Sendable {
    /// dgesdd: divide and conquer, the faster one.
    case dividing
    /// dgesvd: implicit QR iteration, the more robust one.
    case iterating
  }

  /// Decomposes a matrix by divide and conquer, and by iteration if that does not converge.
  ///
  /// - Parameters:
  ///   - matrix: A, row-major, shape [rows, columns].
  ///   - vectors: False if only the singular values are needed.
  /// - Throws: ``DecompositionError`` if a value is not finite, or if neither algorithm converges.
  /// - Complexity: O(rows · columns · k) time; O(rows · columns + k²) memory.
  package static func of(
    _ matrix: [Double], rows: Int, columns: Int, vectors: Bool = true, by blas: BLAS
  ) throws(DecompositionError) -> SingularValues {
    do throws(DecompositionError) {
      return try of(
        matrix, rows: rows, columns: columns, vectors: vectors, algorithm: .dividing, by: blas)
    } catch {
      guard case .noConvergence = error.problem else { throw error }
      return try of(
        matrix, rows: rows, columns: columns, vectors: vectors, algorithm: .iterating, by: blas)
    }
  }

  /// Decomposes a matrix by one algorithm; see `of(_:rows:columns:vectors:by:)`.
  package static func of(
    _ matrix: [Double], rows: Int, columns: Int, vectors: Bool, algorithm: Algorithm, by blas: BLAS
  ) throws(DecompositionError) -> SingularValues {
    precondition(rows >= 0 && columns >= 0 && matrix.count == rows * columns)
    guard rows > 0, columns > 0 else { return SingularValues(values: [], left: [], right: []) }
    try LAPACKMatrix.checkFinite(matrix, columns: columns)
    // In Fortran the matrix is Aᵀ = V · diag(s) · Uᵀ: its left vectors in columns are Vᵀ in rows, and Uᵀ is U.
    let job = Job(
      rows: try LAPACKMatrix.size(columns, rows: rows, columns: columns),
      columns: try LAPACKMatrix.size(rows, rows: rows, columns: columns), vectors: vectors)
    var state = State(matrix: matrix, job)
    state.call(algorithm, job, blas.library.lapack, workCount: -1)
    let workCount = try LAPACKMatrix.workCount(state.work[0], rows: rows, columns: columns)
    state.work = [Double](repeating: 0, count: Int(workCount))
    state.call(algorithm, job, blas.library.lapack, workCount: workCount)
    guard state.info == 0 else {
      throw DecompositionError(
        .noConvergence(
          function: algorithm == .dividing ? "dgesdd" : "dgesvd", info: Int(state.info)))
    }
    return SingularValues(
      values: state.values, left: vectors ? state.right : [], right: vectors ? state.left : [])
  }

  /// The sizes of the matrix in Fortran.
  private struct Job {
    var rows: Int32
    var columns: Int32
    var vectors: Bool

    var count: Int32 { min(rows, columns) }
  }

  /// The arrays that a call reads and writes. `left` and `right` are those of the matrix in Fortran.
  private struct State {
    var matrix: [Double]
    var values: [Double]
    var left: [Double]
    var right: [Double]
    var work: [Double] = [0]
    var integers: [Int32]
    var info: Int32 = 0

    init(matrix: [Double], _ job: Job) {
      self.matrix = matrix
      let count = Int(job.count)
      values = [Double](repeating: 0, count: count)
      left = [Double](repeating: 0, count: job.vectors ? Int(job.rows) * count : 1)
      right = [Double](repeating: 0, count: job.vectors ? count * Int(job.columns) : 1)
      integers = [Int32](repeating: 0, count: 8 * count)
    }

    mutating func call(
      _ algorithm: Algorithm, _ job: Job, _ lapack: LAPACKFunctions, workCount: Int32
    ) {
      let (m, n, k) = ([job.rows], [job.columns], [job.count])
      let mode = job.vectors ? "S" : "N"
      // SAFETY: the arrays have the sizes that LAPACK documents, and live during the call.
      switch algorithm {
      case .dividing:
        unsafe lapack.dgesdd(
          mode, m, n, &matrix, m, &values, &left, m, &right, k, &work, [workCount], &integers,
          &info, 1)
      case .iterating:
        unsafe lapack.dgesvd(
          mode, mode, m, n, &matrix, m, &values, &left, m, &right, k, &work, [workCount], &info,
          1, 1)
      }
    }
  }
}
