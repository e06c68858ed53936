package import Base
import Synchronization
package import TensorCore

/// Reads lazy tensors tile by tile for writers and surveys, with the threads, memory, progress and
/// cancellation of an operation.
package struct Engine: Sendable {
  package let workers: Int
  package let cancellation: Cancellation
  package let progress: any Progress
  /// The losses of the tensors that were read as a whole, and those that the writer adds.
  package let losses = LossLog()

  package init(workers: Int, cancellation: Cancellation, progress: any Progress) {
    self.workers = workers
    self.cancellation = cancellation
    self.progress = progress
  }

  /// Returns the number of bytes that each worker of `forEachTile` needs for these tensors.
  package static func workspaceByteCount(of tensors: [LazyTensor], extra: (LazyTensor) -> Int)
    -> Int
  {
    tensors.map { tensor in
      let elements = tensor.info.grid.largestChunk
      return tensor.info.dtype.byteCount(of: elements)!
        + tensor.source.scratchByteCount(elementCount: elements) + extra(tensor)
    }.max() ?? 0
  }

  /// Reads every tile of `tensors` and hands its values to `body`, on several threads.
  ///
  /// - Parameters:
  ///   - workspaceByteCount: The result of `workspaceByteCount(of:extra:)`.
  ///   - finishesTensors: True to report a tensor as finished after its last tile.
  ///   - fileCount: The number of files at the end of `tensors`; they are not reported as finished tensors.
  ///   - onFailure: Called immediately when a tile fails.
  ///   - body: Receives the tile's number, the tile, its values, and the remaining scratch memory.
  package func forEachTile(
    of tensors: [LazyTensor], workspaceByteCount: Int, finishesTensors: Bool = true,
    fileCount: Int = 0, onFailure: @Sendable () -> Void = {},
    _ body: @Sendable (Int, TileList.Tile, borrowing RawSpan, inout MutableRawSpan) throws -> Void
  ) throws {
    let tiles = TileList(tensors.map(\.info.grid))
    let remaining = Mutex(tensors.indices.map(tiles.chunkCount(ofTensor:)))
    let finishedCount = finishesTensors ? tensors.count - fileCount : 0
    for tensor in tensors.prefix(finishedCount) where tensor.info.grid.count == 0 {
      progress.finish(tensor: tensor.info)
    }
    try Parallel(jobs: workers, cancellation: cancellation).forEach(
      count: tiles.count, workspaceByteCount: workspaceByteCount, onFailure: onFailure
    ) { index, workspace in
      let tile = tiles[index]
      let tensor = tensors[tile.tensor]
      let byteCount = tensor.info.dtype.byteCount(of: tile.elements.count)!
      try workspace.split(at: byteCount) { values, scratch in
        try tensor.source.read(tile.elements, into: &values, scratch: &scratch)
        try body(index, tile, values.bytes, &scratch)
      }
      progress.advance(byteCount: byteCount)
      let isLast = remaining.withLock { remaining in
        remaining[tile.tensor] -= 1
        return remaining[tile.tensor] == 0
      }
      guard isLast else { return }
      if let loss = tensor.source.loss?.total { losses.record(loss, of: tensor.info) }
      if tile.tensor < finishedCount { progress.finish(tensor: tensor.info) }
    }
    try cancellation.check()
  }

  /// Runs numbered pieces of work on several threads; `body` does its own reading.
  package func forEachPiece(
    count: Int, workspaceByteCount: Int, onFailure: @Sendable () -> Void = {},
    _ body: @Sendable (Int, inout MutableRawSpan) throws -> Void
  ) throws {
    try Parallel(jobs: workers, cancellation: cancellation).forEach(
      count: count, workspaceByteCount: workspaceByteCount, onFailure: onFailure, body)
    try cancellation.check()
  }
}
