import Base
package import Checkpoints
import Synchronization
package import TensorCore

/// A survey that computes the statistics of every tensor of a checkpoint, and of all its floats together.
///
/// It makes one pass over the values, and a second over the tensors whose quantiles the first pass does not
/// determine.
package struct StatisticsSurvey: Sendable {
  /// The result of a survey.
  package struct Result: Sendable, Equatable {
    /// The statistics of each tensor, in the order of the tensors.
    package var tensors: [TensorStatistics]
    /// The statistics of all float tensors together, each counted once.
    package var model: TensorStatistics
    /// The magnitudes of all float tensors together.
    package var magnitudes = MagnitudeHistogram()
  }

  package var exponents: PQIndex
  package var pattern: Pattern

  package init(exponents: PQIndex = .standard, pattern: Pattern = .twoOfFour) {
    self.exponents = exponents
    self.pattern = pattern
  }

  /// Returns the memory of each worker in bytes, without its thread.
  package static func workspaceByteCount(_ tensors: [LazyTensor], rows: [RowGeometry]) -> Int {
    zip(tensors, rows).map { tensor, rows in
      Engine.workspaceByteCount(of: [tensor]) { tensor in
        max(
          TensorTally.scratchByteCount(tensor.info, rows),
          QuantileSurvey.scratchByteCount(tensor.info))
      }
    }.max() ?? 0
  }

  /// Returns the shared memory in bytes: the tallies of the tensors that are being read.
  package static func fixedByteCount(_ tensors: [LazyTensor], rows: [RowGeometry]) -> Int {
    let largest = zip(tensors, rows).map { TensorTally.byteCount($0.info, $1) }.max() ?? 0
    return 2 * largest + MagnitudeHistogram.binCount * 16 + 1024 * tensors.count
      + QuantileSurvey.fixedByteCount
  }

  /// Computes the statistics of `tensors`.
  /// - Parameter rows: The rows of each tensor.
  package func result(
    of tensors: [LazyTensor], rows: [RowGeometry], engine: Engine
  ) throws -> Result {
    let state = Mutex(
      State(
        tensors: tensors, rows: rows, model: TensorTally(nil, rows: nil, survey: self)))
    let turnstile = Turnstile()
    try engine.forEachTile(
      of: tensors, workspaceByteCount: Self.workspaceByteCount(tensors, rows: rows),
      onFailure: turnstile.abandon
    ) { number, tile, values, scratch in
      let info = tensors[tile.tensor].info
      var part = TensorTally.Part()
      try part.read(
        values, info, rows[tile.tensor], tile.elements, survey: self, scratch: &scratch)
      try turnstile.pass(number) {
        state.withLock { state in
          state.add(part, scratch.bytes, tile, survey: self)
        }
      }
    }
    var (found, model) = state.withLock { ($0.found, $0.model) }
    for index in tensors.indices where tensors[index].info.grid.count == 0 {
      found[index] =
        TensorTally(tensors[index].info, rows: rows[index], survey: self).finished
    }
    let total = model.finished
    let quantiles = try QuantileSurvey.result(
      of: tensors, wanted: found.map { $0!.wanted }, model: total.wanted, engine: engine)
    return Result(
      tensors: zip(found, quantiles.tensors).map { $0!.statistics(quantiles: $1) },
      model: total.statistics(quantiles: quantiles.model), magnitudes: model.magnitudes)
  }

  /// The tallies of the tensors that are being read, and the results of those that are complete.
  private struct State {
    let tensors: [LazyTensor]
    let rows: [RowGeometry]
    var open: [Int: TensorTally] = [:]
    var found: [TensorTally.Finished?]
    var model: TensorTally

    init(tensors: [LazyTensor], rows: [RowGeometry], model: TensorTally) {
      self.tensors = tensors
      self.rows = rows
      self.model = model
      found = tensors.map { _ in nil }
    }

    mutating func add(
      _ part: TensorTally.Part, _ scratch: borrowing RawSpan, _ tile: TileList.Tile,
      survey: StatisticsSurvey
    ) {
      let tensor = tensors[tile.tensor]
      var tally =
        open.removeValue(forKey: tile.tensor)
        ?? TensorTally(tensor.info, rows: rows[tile.tensor], survey: survey)
      tally.add(part, scratch, tile.elements)
      guard tile.chunk == tensor.info.grid.count - 1 else {
        open[tile.tensor] = tally
        return
      }
      if tensor.aliasOf == nil, tensor.info.dtype.isFloat { model.merge(tally) }
      found[tile.tensor] = tally.finished
    }
  }
}
