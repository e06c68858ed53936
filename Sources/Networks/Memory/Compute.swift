package import Base

/// The means of a run of a network: memory, workers and matrix products.
///
/// Work is cut in pieces that depend on shapes alone, so that results do not depend on the number of workers.
package final class Compute: Sendable {
  package let arena: Arena
  private let parallel: Parallel

  package init(arena: Arena = Arena(), jobs: Int = 1, cancellation: Cancellation = Cancellation()) {
    self.arena = arena
    parallel = Parallel(jobs: jobs, cancellation: cancellation)
  }

  /// The number of workers.
  package var jobs: Int { parallel.jobs }

  /// The number of elements of a piece of work.
  static let pieceElementCount = 1 << 15

  /// Calls `body` with each index below `count`, from all workers.
  func forEach(_ count: Int, _ body: @Sendable (Int) throws -> Void) throws {
    if count == 1 { return try body(0) }
    try parallel.forEach(count: count, workspaceByteCount: 0) { index, _ in try body(index) }
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

  /// Calls `body` with ranges of 16 k elements, except the last, that together are all elements, from all workers.
  func forEachElements(_ count: Int, _ body: @Sendable (Range<Int>) throws -> Void) throws {
    try forEachRows(count, columns: 1, body)
  }

  /// Sets or adds to `result` the product of two matrices, with all workers.
  func multiply<S: NetworkScalar>(
    _ a: Matrix<S>, _ b: Matrix<S>, scale: S = 1, adding: Bool = false, into result: Matrix<S>
  ) throws {
    multiplyHere(a, b, scale: scale, adding: adding, into: result)
  }

  /// Sets or adds to `result` the product of two matrices, on the calling thread.
  func multiplyHere<S: NetworkScalar>(
    _ a: Matrix<S>, _ b: Matrix<S>, scale: S = 1, adding: Bool = false, into result: Matrix<S>
  ) {
    precondition(
      a.columns == b.rows && result.rows == a.rows && result.columns == b.columns
        && !result.isTransposed)
    PlainProducts.multiply(a, b, scale: scale, adding: adding, into: result)
  }

  /// Creates scratch memory for a worker.
  func scratch<S: NetworkScalar>(_ count: Int) -> Memory<S> { Memory(count, in: arena) }
}
