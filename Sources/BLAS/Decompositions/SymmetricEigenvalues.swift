/// The eigenvalues and eigenvectors of a real symmetric matrix.
package struct SymmetricEigenvalues: Sendable, Equatable {
  /// The eigenvalues in ascending order.
  package let values: [Double]
  /// Orthonormal eigenvectors, row-major, shape [size, size]: row i belongs to value i. Their signs are arbitrary. Empty
  /// if they were not asked for.
  package let vectors: [Double]

  /// Decomposes a matrix with dsyevd of LAPACK.
  ///
  /// - Parameters:
  ///   - matrix: Row-major, shape [size, size]. Values above the diagonal are not used.
  ///   - vectors: False if only the eigenvalues are needed.
  /// - Throws: ``DecompositionError`` if a value is not finite, or if the iteration does not converge.
  /// - Complexity: O(*n*³) time; O(*n*²) memory.
  package static func of(
    _ matrix: [Double], size: Int, vectors: Bool = true, by blas: BLAS
  ) throws(DecompositionError) -> SymmetricEigenvalues {
    precondition(size >= 0 && matrix.count == size * size)
    guard size > 0 else { return SymmetricEigenvalues(values: [], vectors: []) }
    try LAPACKMatrix.checkFinite(matrix, columns: size)
    // A row-major matrix is its transpose in Fortran, so its lower half is the upper one there.
    var a = matrix
    let n = try LAPACKMatrix.size(size, rows: size, columns: size)
    var values = [Double](repeating: 0, count: size)
    var info: Int32 = 0
    func call(_ work: inout [Double], _ integers: inout [Int32], _ count: Int32, _ other: Int32) {
      // SAFETY: the arrays have the sizes that dsyevd documents, and live during the call.
      unsafe blas.library.lapack.dsyevd(
        vectors ? "V" : "N", "U", [n], &a, [n], &values, &work, [count], &integers, [other], &info,
        1,
        1)
    }
    var work = [0.0]
    var integers: [Int32] = [0]
    call(&work, &integers, -1, -1)
    let workCount = try LAPACKMatrix.workCount(work[0], rows: size, columns: size)
    let integerCount = max(1, integers[0])
    work = [Double](repeating: 0, count: Int(workCount))
    integers = [Int32](repeating: 0, count: Int(integerCount))
    call(&work, &integers, workCount, integerCount)
    guard info == 0 else {
      throw DecompositionError(.noConvergence(function: "dsyevd", info: Int(info)))
    }
    return SymmetricEigenvalues(values: values, vectors: vectors ? a : [])
  }
}
