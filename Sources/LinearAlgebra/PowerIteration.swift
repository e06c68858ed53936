import Base
import TensorCore

/// The steps that fit low-rank factors U and V to a matrix R.
///
/// Each round makes the rows of V orthonormal and computes U = R·Vᵀ, then V = Uᵀ·R. In the last round, the
/// columns of U are made orthonormal instead.
///
/// R may be read in blocks of rows. Every sum is computed in a fixed order, so the results depend on the
/// blocks, but not on the CPU or the number of threads.
///
/// Source: the power iteration of GEAR (Kang et al., 2024).
package enum PowerIteration {
  /// Computes both products of a block of rows in one pass: `u` = R·Vᵀ, and `sums` += uᵀ·R.
  ///
  /// - Parameters:
  ///   - values: The block, shape [rows, columns].
  ///   - v: V, shape [rank, columns].
  ///   - u: Memory for the result, shape [rows, rank].
  ///   - sums: The sums to add to, shape [rank, columns].
  ///   - scalesRows: True to scale `u` near 1 by a power of two before the second product.
  /// - Returns: The exponent of that power of two; 0 if `u` is not scaled.
  @_lifetime(u: copy u)
  @_lifetime(sums: copy sums)
  @discardableResult
  package static func refine(
    _ values: borrowing RawSpan, on v: borrowing RawSpan, rows: Int, columns: Int, rank: Int,
    u: inout MutableRawSpan, into sums: inout MutableRawSpan, scalesRows: Bool = false
  ) -> Int {
    Kernels.best.projectRows(
      of: values, on: v, rows: rows, columns: columns, rank: rank, into: &u)
    let exponent = scalesRows ? Vectors.bringNearOne(&u) : 0
    Kernels.best.accumulateColumns(
      of: values, by: u.bytes, rows: rows, columns: columns, rank: rank, into: &sums)
    return exponent
  }

  /// Returns consecutive matrices U, each of shape [rows, rank], with their columns made orthonormal.
  /// - Parameter scalesFirst: True to scale each matrix near 1 first.
  package static func orthonormalColumns(
    of u: [Float], rows: Int, rank: Int, scalesFirst: Bool = false
  ) -> [Float] {
    var columns = Vectors.transposed(u, rows: rows, columns: rank)
    Vectors.orthonormalize(&columns, count: rank, length: rows, scalesFirst: scalesFirst)
    return Vectors.transposed(columns, rows: rank, columns: rows)
  }
}
