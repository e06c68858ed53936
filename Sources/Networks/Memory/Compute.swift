package import BLAS
import Base

/// The means of a run of a network: memory, workers and matrix products.
///
/// Work is cut in pieces that depend on shapes alone, so that results do not depend on the number of workers.
package final class Compute: Sendable {
  package let arena: Arena
  /// The number of workers.
  package let jobs: Int
  /// The products and their workers; nil if memory is only counted.
  private let blas: BLAS?

  /// Creates the means of a run that computes with the workers of `blas`.
  package init(_ blas: BLAS) {
    self.blas = blas
    jobs = blas.crew.jobs
    arena = Arena()
  }

  private init(countingFor jobs: Int) {
    blas = nil
    self.jobs = jobs
    arena = Arena(isCounting: true)
  }

  /// Returns the means of a run that computes nothing and counts the memory that it would need.
  /// - Parameter jobs: The number of workers of the run whose memory is counted.
  package static func counting(jobs: Int) -> Compute { Compute(countingFor: jobs) }

  // MARK: Workers

  /// The number of elements of a piece of work.
  static let pieceElementCount = 1 << 15

  /// Calls `body` with each index below `count`, from all workers.
  package func forEach(_ count: Int, _ body: @Sendable (Int) throws -> Void) throws {
    if count == 1 { return try body(0) }
    try working.crew.forEach(count: count, body)
  }

  private var working: BLAS {
    guard let blas else { preconditionFailure("a counting run computes nothing") }
    return blas
  }

  /// Calls `body` with ranges of rows that together are all rows, from all workers.
  /// - Parameter columns: The number of elements in a row.
  func forEachRows(
    _ rows: Int, columns: Int, _ body: @Sendable (Range<Int>) throws -> Void
  ) throws {
    guard rows > 0 else { return }
    let size = max(1, Self.pieceElementCount / max(1, columns))
    try forEach((rows + size - 1) / size) { piece in
      try body(piece * size..<min(rows, (piece + 1) * size))
    }
  }

  /// Calls `body` with ranges of elements that together are all elements, from all workers. Ranges start at multiples of
  /// ``pieceElementCount``.
  func forEachElements(_ count: Int, _ body: @Sendable (Range<Int>) throws -> Void) throws {
    try forEachRows(count, columns: 1, body)
  }

  /// Creates scratch memory for a worker.
  func scratch<S: NetworkScalar>(_ count: Int) -> Memory<S> { Memory(count, in: arena) }

  /// Creates a scratch matrix for a worker.
  func scratch<S: NetworkScalar>(rows: Int, columns: Int) -> Matrix<S> {
    Matrix(scratch(rows * columns), rows: rows, columns: columns)
  }

  // MARK: Products

  /// Sets or adds to `result` the product of two matrices, with all workers.
  func multiply<S: NetworkScalar>(
    _ a: Matrix<S>, _ b: Matrix<S>, scale: S = 1, adding: Bool = false, into result: Matrix<S>
  ) throws {
    check(a, b, result)
    let (x, y) = (a.memory.span, b.memory.span)
    var all = result.memory.mutableSpan
    var z = all._mutatingExtracting(result.elements)
    try working.multiply(
      x.extracting(a.elements), a.layout, by: y.extracting(b.elements), b.layout,
      rows: result.rows, columns: result.columns, depth: a.columns, scale: scale, adding: adding,
      into: &z, stride: max(1, result.stride))
  }

  /// Sets or adds to `result` the product of two matrices, on the calling thread.
  func multiplyHere<S: NetworkScalar>(
    _ a: Matrix<S>, _ b: Matrix<S>, scale: S = 1, adding: Bool = false, into result: Matrix<S>
  ) {
    check(a, b, result)
    let (x, y) = (a.memory.span, b.memory.span)
    var all = result.memory.mutableSpan
    var z = all._mutatingExtracting(result.elements)
    working.multiplyTile(
      x.extracting(a.elements), a.layout, by: y.extracting(b.elements), b.layout,
      rows: result.rows, columns: result.columns, depth: a.columns, scale: scale, adding: adding,
      into: &z, stride: max(1, result.stride))
  }

  private func check<S: NetworkScalar>(_ a: Matrix<S>, _ b: Matrix<S>, _ result: Matrix<S>) {
    precondition(
      a.columns == b.rows && result.rows == a.rows && result.columns == b.columns
        && !result.isTransposed)
  }
}
