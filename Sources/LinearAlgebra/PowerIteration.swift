import Base
import TensorCore

/// The steps by which factors U and V of low rank come near a matrix R: V is made orthonormal, U = R·Vᵀ and
/// V = Uᵀ·R in turn; in the last round the columns of U are made orthonormal instead.
///
/// R may be read in blocks of rows. Every sum goes in one order, so that results depend on the blocks, but on
/// neither the CPU nor the number of threads.
///
/// Source: the power iteration of GEAR (Kang et al., 2024).
package enum PowerIteration {
  /// Both products of a block of rows in one reading: `u` = R·Vᵀ, and `sums` += uᵀ·R.
  ///
  /// - Parameters:
  ///   - values: the block, `rows` × `columns`.
  ///   - v: `rank` × `columns`.
  ///   - u: memory for `rows` × `rank` values.
  ///   - sums: `rank` × `columns`.
  ///   - scalesRows: whether `u` is brought near 1, by a power of two, before it is multiplied.
  /// - Returns: the exponent of that power; 0 if `u` stays.
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

  /// U of matrices of `rows` × `rank`, one after another, with orthonormal columns.
  /// - Parameter scalesFirst: whether each matrix is brought near 1 first.
  package static func orthonormalColumns(
    of u: [Float], rows: Int, rank: Int, scalesFirst: Bool = false
  ) -> [Float] {
    var columns = Vectors.transposed(u, rows: rows, columns: rank)
    Vectors.orthonormalize(&columns, count: rank, length: rows, scalesFirst: scalesFirst)
    return Vectors.transposed(columns, rows: rank, columns: rows)
  }
}
