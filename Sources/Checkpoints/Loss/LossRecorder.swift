import Base
import Synchronization
package import TensorCore

/// Gathers the loss of a tensor whose source rounds or clears values, chunk by chunk while they are read.
///
/// Chunks may be read in any order, from any thread and several times; each counts once, and the losses are added in
/// the order of the chunks.
package final class LossRecorder: Sendable {
  private struct State {
    /// The losses of the chunks of the grid; empty until the first is recorded, and after the last.
    var chunks: [ValueLoss?] = []
    var missingCount: Int
    var total: ValueLoss?
  }

  private let grid: ChunkGrid
  private let state: Mutex<State>

  /// Creates a recorder for a tensor as it will be written.
  package init(_ info: TensorInfo) {
    grid = info.grid
    state = Mutex(
      State(missingCount: grid.count, total: grid.count == 0 ? ValueLoss() : nil))
  }

  /// The loss of the whole tensor; nil unless every chunk was read.
  package var total: ValueLoss? { state.withLock { $0.total } }

  /// Returns the chunk that a range of elements is; nil if it is another range, or if its loss is known.
  package func chunk(toMeasure elements: Range<Int>) -> Int? {
    guard !elements.isEmpty else { return nil }
    let chunk = grid.chunk(containing: elements.lowerBound)
    guard grid[chunk] == elements else { return nil }
    let isKnown = state.withLock {
      $0.total != nil || (!$0.chunks.isEmpty && $0.chunks[chunk] != nil)
    }
    return isKnown ? nil : chunk
  }

  package func record(_ loss: ValueLoss, ofChunk chunk: Int) {
    state.withLock { state in
      guard state.total == nil else { return }
      if state.chunks.isEmpty { state.chunks = Array(repeating: nil, count: grid.count) }
      guard state.chunks[chunk] == nil else { return }
      state.chunks[chunk] = loss
      state.missingCount -= 1
      guard state.missingCount == 0 else { return }
      state.total = state.chunks.reduce(into: ValueLoss()) { sum, loss in
        if let loss { sum.add(loss) }
      }
      state.chunks = []
    }
  }
}
