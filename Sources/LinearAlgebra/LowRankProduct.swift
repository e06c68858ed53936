import Base
import TensorCore

/// A low-rank product U·V that approximates a matrix in memory, shape [rows, columns].
///
/// Source: `PowerIteration`; for the nearest product, the eigenvectors of the Gram matrix (Eckart and Young,
/// 1936).
package struct LowRankProduct: Sendable {
  /// The factor U, shape [rows, rank], with orthonormal columns.
  package let u: [Float]
  /// The factor V, shape [rank, columns].
  package let v: [Float]

  /// The number of values in the rows that are read at once.
  private static let blockElementCount = 1 << 13

  /// Returns the layout of the scratch memory: V, then U before its columns are made orthonormal.
  private static func layout(rows: Int, columns: Int, rank: Int) -> WorkspaceLayout {
    WorkspaceLayout(4 * rank * columns, 4 * rank * rows)
  }

  /// Returns the size of the scratch memory for a matrix, in bytes.
  package static func scratchByteCount(rows: Int, columns: Int, rank: Int) -> Int {
    layout(rows: rows, columns: columns, rank: rank).byteCount
  }

  /// Creates a product by power iteration.
  /// - Parameters:
  ///   - rounds: The number of rounds of power iteration.
  ///   - matrix: The F32 values, shape [rows, columns].
  ///   - start: V before the first round, shape [rank, columns].
  ///   - scratch: `scratchByteCount` bytes.
  /// - Complexity: O(*rounds* · *rows* · *columns* · *rank*).
  @_lifetime(scratch: copy scratch)
  package init(
    iterating rounds: Int, _ matrix: borrowing RawSpan, rows: Int, columns: Int, rank: Int,
    start: [Float], scratch: inout MutableRawSpan
  ) {
    let size = max(1, Self.blockElementCount / max(1, columns))
    let blocks = stride(from: 0, to: rows, by: size).map { $0..<min(rows, $0 + size) }
    let layout = Self.layout(rows: rows, columns: columns, rank: rank)
    (u, v) = layout.withSpans(of: &scratch) { v, projected, _ in
      v.copy(start.rawSpan)
      var sums = ByteBuffer(byteCount: 4 * rank * columns)
      for _ in 1..<max(1, rounds) {
        Kernels.best.orthonormalize(&v, count: rank)
        var next = sums.mutableBytes
        next.fill()
        for block in blocks {
          let bytes = 4 * block.lowerBound * columns..<4 * block.upperBound * columns
          var rows = projected._mutatingExtracting(
            4 * block.lowerBound * rank..<4 * block.upperBound * rank)
          PowerIteration.refine(
            matrix.extracting(bytes), on: v.bytes, rows: block.count, columns: columns,
            rank: rank, u: &rows, into: &next)
        }
        v.copy(next.bytes)
      }
      Kernels.best.orthonormalize(&v, count: rank)
      Kernels.best.projectRows(
        of: matrix, on: v.bytes, rows: rows, columns: columns, rank: rank, into: &projected)
      let u = PowerIteration.orthonormalColumns(
        of: projected.bytes.floats(), rows: rows, rank: rank)
      v.fill()
      Kernels.best.accumulateColumns(
        of: matrix, by: u.rawSpan, rows: rows, columns: columns, rank: rank, into: &v)
      return (u, v.bytes.floats())
    }
  }

  /// Creates the product of the given rank that is nearest to `matrix`.
  /// - Complexity: O(*rows* · *columns*²) for the Gram matrix, and O(*columns*³) for its eigenvectors.
  @_lifetime(scratch: copy scratch)
  package init(
    nearestTo matrix: borrowing RawSpan, rows: Int, columns: Int, rank: Int,
    scratch: inout MutableRawSpan
  ) {
    let gram = Self.gram(matrix.floats(), rows: rows, columns: columns)
    let vectors = SymmetricEigenvectors(gram, size: columns).largest(rank)
    self.init(
      iterating: 1, matrix, rows: rows, columns: columns, rank: rank,
      start: vectors.map { Float($0) }, scratch: &scratch)
  }

  /// Returns the Gram matrix Rᵀ·R in float64, adding the rows in order.
  private static func gram(_ values: [Float], rows: Int, columns: Int) -> [Double] {
    var gram = [Double](repeating: 0, count: columns * columns)
    for row in 0..<rows {
      for first in 0..<columns {
        let value = Double(values[row * columns + first])
        guard value != 0 else { continue }
        for second in first..<columns {
          gram[first * columns + second] += value * Double(values[row * columns + second])
        }
      }
    }
    for first in 0..<columns {
      for second in 0..<first {
        gram[first * columns + second] = gram[second * columns + first]
      }
    }
    return gram
  }
}
