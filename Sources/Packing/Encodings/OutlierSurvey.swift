import Base
import Checkpoints
import Surveys
import Synchronization
import TensorCore

/// A selection of the requested number of values with the largest magnitudes in a tensor. Among equal
/// magnitudes, the first are selected.
struct OutlierSurvey: Sendable {
  /// The magnitude as float32 bits; all larger magnitudes are selected.
  let threshold: UInt32
  /// The number of values in each chunk that equal the threshold and are selected.
  let tiesOfChunks: [Int]

  /// Selects values in three passes over the tensor.
  ///
  /// Memory: 65,536 counters, and the same number for each worker.
  /// - Parameter count: The number of values to select, from 1 to the number of elements.
  /// - Throws: An error if the tensor cannot be read, has values that are not finite, or changes between the
  ///   passes.
  init(_ tiles: FloatTiles, count: Int, engine: Engine) throws {
    var search = RankSearch(count: count, from: .largest)
    while let digits = search.question {
      guard search.take(try Self.counts(tiles, digits, engine)) else {
        throw ChangedInputError(path: tiles.tensor.stored.file)
      }
    }
    threshold = search.threshold
    tiesOfChunks = try Self.ties(tiles, threshold: threshold, engine).shares(of: search.tieCount)
  }

  static var workerByteCount: Int { DigitCounts.byteCount(.upper) }

  private static func counts(
    _ tiles: FloatTiles, _ digits: Kernels.MagnitudeDigits, _ engine: Engine
  ) throws -> DigitCounts {
    let total = Mutex(DigitCounts(digits))
    try forEachChunk(tiles, engine) { _, values in
      var counts = DigitCounts(digits)
      counts.add(values)
      let found = counts
      total.withLock { $0.merge(found) }
    }
    return total.withLock { $0 }
  }

  private static func ties(
    _ tiles: FloatTiles, threshold: UInt32, _ engine: Engine
  ) throws -> TieCounts {
    let ties = Mutex(TieCounts(tileCount: tiles.grid.count))
    try forEachChunk(tiles, engine) { chunk, values in
      let count = Kernels.best.count(ofMagnitude: threshold, in: values).equal
      ties.withLock { $0.set(count, ofTile: chunk) }
    }
    return ties.withLock { $0 }
  }

  private static func forEachChunk(
    _ tiles: FloatTiles, _ engine: Engine, _ body: @Sendable (Int, borrowing RawSpan) -> Void
  ) throws {
    try engine.forEachPiece(
      count: tiles.grid.count, workspaceByteCount: tiles.workspace().byteCount
    ) { chunk, workspace in
      try tiles.workspace(chunk: chunk).withSpans(of: &workspace) { values, scratch in
        try tiles.read(chunk: chunk, into: &values, scratch: &scratch)
        body(chunk, values.bytes)
      }
      tiles.report(chunk, to: engine)
    }
  }

  /// Marks the selected values of a chunk in `mask`.
  @_lifetime(mask: copy mask)
  func mark(_ values: borrowing RawSpan, chunk: Int, in mask: inout MutableRawSpan) {
    _ = Kernels.best.markLargest(
      values, threshold: threshold, ties: tiesOfChunks[chunk], into: &mask)
  }
}
