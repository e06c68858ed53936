import Glibc

/// The eigenvalues of a real square matrix, which are real or pairs of conjugate complex numbers.
package struct GeneralEigenvalues: Sendable, Equatable {
  /// The real parts, in the order of descending magnitude of the eigenvalues. Of equal magnitudes, the larger real part
  /// comes first, then the larger imaginary part.
  package let real: [Double]
  /// The imaginary parts in the same order.
  package let imaginary: [Double]

  /// Computes the eigenvalues of a matrix with dgeev of LAPACK.
  ///
  /// - Parameter matrix: Row-major, shape [size, size].
  /// - Throws: ``DecompositionError`` if a value is not finite, or if the iteration does not converge.
  /// - Complexity: O(*n*³) time; O(*n*²) memory.
  package static func of(
    _ matrix: [Double], size: Int, by blas: BLAS
  ) throws(DecompositionError) -> GeneralEigenvalues {
    precondition(size >= 0 && matrix.count == size * size)
    guard size > 0 else { return GeneralEigenvalues(real: [], imaginary: []) }
    try LAPACKMatrix.checkFinite(matrix, columns: size)
    // In Fortran the matrix is the transpose, which has the same eigenvalues.
    var a = matrix
    let n = try LAPACKMatrix.size(size, rows: size, columns: size)
    var (real, imaginary) = (
      [Double](repeating: 0, count: size), [Double](repeating: 0, count: size)
    )
    var unused = [0.0]
    var other = [0.0]
    var info: Int32 = 0
    func call(_ work: inout [Double], _ workCount: Int32) {
      // SAFETY: the arrays have the sizes that dgeev documents, and live during the call.
      unsafe blas.library.lapack.dgeev(
        "N", "N", [n], &a, [n], &real, &imaginary, &unused, [1], &other, [1], &work,
        [workCount], &info, 1, 1)
    }
    var work = [0.0]
    call(&work, -1)
    let workCount = try LAPACKMatrix.workCount(work[0], rows: size, columns: size)
    work = [Double](repeating: 0, count: Int(workCount))
    call(&work, workCount)
    guard info == 0 else {
      throw DecompositionError(.noConvergence(function: "dgeev", info: Int(info)))
    }
    let order = (0..<size).sorted { first, second in
      let left = (real[first], imaginary[first])
      let right = (real[second], imaginary[second])
      return (hypot(left.0, left.1), left.0, left.1) > (hypot(right.0, right.1), right.0, right.1)
    }
    return GeneralEigenvalues(
      real: order.map { real[$0] }, imaginary: order.map { imaginary[$0] })
  }
}
