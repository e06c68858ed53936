import Base
import Checkpoints
import Surveys
import Synchronization
import TensorCore

extension TrimBounds {
  /// A request to count the values of some digits in the difference of a model.
  struct Question: Equatable {
    var model: Int
    var digits: Kernels.MagnitudeDigits
  }

  /// Returns the number of occurrences of each digit value in the differences, for each question.
  func counts(_ wanted: [Question]) throws -> [DigitCounts] {
    // Two bounds of a model may need the same digits, which are counted once.
    var questions: [Question] = []
    var answers: [Int] = []
    for question in wanted {
      if let index = questions.firstIndex(of: question) {
        answers.append(index)
      } else {
        answers.append(questions.count)
        questions.append(question)
      }
    }
    let asked = questions
    let totals = Mutex(asked.map { DigitCounts($0.digits) })
    for first in stride(from: 0, to: asked.count, by: Self.groupSize) {
      let group = first..<min(first + Self.groupSize, asked.count)
      let size = Self.counterByteCount
      try forEachTile(
        of: asked[group].map(\.model), scratchByteCount: size * group.count
      ) { counters in
        counters.fill()
      } add: { _, index, _, values, counters in
        var own = counters._mutatingExtracting(size * index..<size * (index + 1))
        Kernels.best.countMagnitudes(
          values, digits: asked[group.lowerBound + index].digits, into: &own)
      } finish: { _, _, counters in
        // Integer sums do not depend on the order of the tiles.
        totals.withLock { totals in
          for index in group {
            let start = size * (index - group.lowerBound)
            totals[index].add(
              counters: counters.extracting(
                start..<start + DigitCounts.byteCount(asked[index].digits)))
          }
        }
      }
    }
    let found = totals.withLock { $0 }
    return answers.map { found[$0] }
  }

  /// Reads tiles piece by piece, and passes the differences of `models` to a state for each tile.
  ///
  /// - Parameters:
  ///   - models: The indices of the models whose differences are read.
  ///   - only: The number of the only tile to read; nil for all tiles.
  ///   - scratchByteCount: The bytes of scratch memory that a tile keeps while it is read.
  ///   - start: Creates the state of a tile, given its scratch memory.
  ///   - add: Receives the state, the index in `models`, the range of elements, their differences, and the
  ///     scratch memory.
  ///   - finish: Receives the number of the tile, its state, and its scratch memory.
  func forEachTile<State>(
    of models: [Int], only: Int? = nil, scratchByteCount: Int = 0,
    start: @Sendable (inout MutableRawSpan) -> State,
    add: @Sendable (inout State, Int, Range<Int>, borrowing RawSpan, inout MutableRawSpan) -> Void,
    finish: @Sendable (Int, State, borrowing RawSpan) -> Void
  ) throws {
    let readingByteCount =
      zip(tensors, readings).map { tensor, reading in
        let piece = reading.largestPiece(
          elementCount: tensor.info.grid.largestChunk, inRows: false)
        return reading.workspace(piece: piece, models: models.count, inRows: false).byteCount
      }.max() ?? 0
    try engine.forEachPiece(
      count: only == nil ? tiles.count : 1,
      workspaceByteCount: scratchByteCount + readingByteCount
    ) { piece, workspace in
      let number = only ?? piece
      let tile = tiles[number]
      let reading = readings[tile.tensor]
      try workspace.split(at: scratchByteCount) { scratch, workspace in
        var state = start(&scratch)
        for piece in reading.pieces(of: tile.elements, inRows: false) {
          let size = 4 * piece.count
          try reading.withPiece(piece, of: models, workspace: &workspace) { _, deltas, _ in
            for index in models.indices {
              add(
                &state, index, piece,
                deltas.bytes.extracting(size * index..<size * (index + 1)), &scratch)
            }
          }
        }
        finish(number, state, scratch.bytes)
      }
      if only == nil {
        meter.advance(byteCount: tensors[tile.tensor].byteCount(ofChunk: tile.chunk))
      }
    }
  }
}
