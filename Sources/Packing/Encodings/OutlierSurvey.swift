import Base
import Checkpoints
import Synchronization
import TensorCore

/// The values of a tensor with the largest magnitudes, exactly as many as asked for; of those that
/// are equal the first.
struct OutlierSurvey: Sendable {
  /// Magnitudes above it, as bits of float32, are chosen.
  let threshold: UInt32
  /// How many that equal the threshold are chosen of each chunk.
  let tiesOfChunks: [Int]

  /// Three passes over the values; memory for 98,304 counters, and for as many again for each worker.
  /// - Parameter count: how many are chosen, at least 1 and at most all.
  init(_ tiles: FloatTiles, count: Int, engine: Engine) throws {
    let upper = try Self.counts(tiles, .upper, engine)
    let (digit, above) = Self.place(of: count, in: upper)
    let lower = try Self.counts(tiles, .lower(upper: digit), engine)
    let (lowerDigit, _) = Self.place(of: count - above, in: lower)
    threshold = UInt32(digit) << 15 | UInt32(lowerDigit)
    let ties = try Self.ties(tiles, threshold: threshold, engine)
    // What is still wanted once all larger ones are taken.
    let larger = ties.reduce(0) { $0 + $1.above }
    var rest = count - larger
    tiesOfChunks = ties.map { chunk in
      let taken = min(rest, chunk.equal)
      rest -= taken
      return taken
    }
  }

  static var workerByteCount: Int { 8 << 16 }

  /// The digit of the value that is the `count`-th largest, and how many have a larger digit.
  private static func place(of count: Int, in counters: [UInt64]) -> (Int, above: Int) {
    var above = 0
    for digit in counters.indices.reversed() {
      guard above + Int(counters[digit]) < count else { return (digit, above) }
      above += Int(counters[digit])
    }
    return (0, above)
  }

  private static func counts(
    _ tiles: FloatTiles, _ digits: Kernels.MagnitudeDigits, _ engine: Engine
  ) throws -> [UInt64] {
    let total = Mutex([UInt64](repeating: 0, count: digits.counterCount))
    try engine.forEachPiece(
      count: tiles.grid.count, workspaceByteCount: tiles.workspace().byteCount
    ) { chunk, workspace in
      var counters = [UInt64](repeating: 0, count: digits.counterCount)
      try tiles.workspace(chunk: chunk).withSpans(of: &workspace) { values, scratch in
        try tiles.read(chunk: chunk, into: &values, scratch: &scratch)
        Kernels.best.countMagnitudes(values.bytes, digits: digits, into: &counters)
      }
      // Sums of whole numbers have no order.
      total.withLock { total in
        for digit in counters.indices where counters[digit] > 0 { total[digit] += counters[digit] }
      }
      tiles.report(chunk, to: engine)
    }
    return total.withLock { $0 }
  }

  private static func ties(
    _ tiles: FloatTiles, threshold: UInt32, _ engine: Engine
  ) throws -> [(above: Int, equal: Int)] {
    let found = Mutex(
      [(above: Int, equal: Int)](repeating: (0, 0), count: tiles.grid.count))
    @Sendable func layout(elementCount: Int) -> WorkspaceLayout {
      WorkspaceLayout(
        FloatReader.byteCount(elementCount: elementCount),
        Kernels.maskByteCount(elementCount: elementCount), scratch: tiles.scratchByteCount)
    }
    try engine.forEachPiece(
      count: tiles.grid.count,
      workspaceByteCount: layout(elementCount: tiles.grid.largestChunk).byteCount
    ) { chunk, workspace in
      let count = tiles.grid[chunk].count
      try layout(elementCount: count).withSpans(of: &workspace) { values, mask, scratch in
        try tiles.read(chunk: chunk, into: &values, scratch: &scratch)
        let above = Kernels.best.markLargest(
          values.bytes, threshold: threshold, ties: 0, into: &mask)
        let all = Kernels.best.markLargest(
          values.bytes, threshold: threshold, ties: count, into: &mask)
        found.withLock { $0[chunk] = (above, all - above) }
      }
      tiles.report(chunk, to: engine)
    }
    return found.withLock { $0 }
  }

  /// Marks the chosen values of a chunk.
  @_lifetime(mask: copy mask)
  func mark(_ values: borrowing RawSpan, chunk: Int, in mask: inout MutableRawSpan) {
    _ = Kernels.best.markLargest(
      values, threshold: threshold, ties: tiesOfChunks[chunk], into: &mask)
  }
}
