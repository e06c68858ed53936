package import Base
import Synchronization
package import TensorCore

/// Drives the reading of lazy tensors tile by tile: memory, threads, progress and stopping, once
/// for all writers and surveys.
package struct Engine: Sendable {
  package let workers: Int
  package let cancellation: Cancellation
  package let progress: any Progress

  package init(workers: Int, cancellation: Cancellation, progress: any Progress) {
    self.workers = workers
    self.cancellation = cancellation
    self.progress = progress
  }

  /// Bytes that a worker of `forEachTile` needs for these tensors.
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
  ///   - workspaceByteCount: what `workspaceByteCount(of:extra:)` gave.
  ///   - finishesTensors: whether a tensor is done when its tiles are.
  ///   - onFailure: called at once when a tile fails.
  ///   - body: gets the tile's number, the tile, its values, and the scratch memory that is left.
  package func forEachTile(
    of tensors: [LazyTensor], workspaceByteCount: Int, finishesTensors: Bool = true,
    onFailure: @Sendable () -> Void = {},
    _ body: @Sendable (Int, TileList.Tile, borrowing RawSpan, inout MutableRawSpan) throws -> Void
  ) throws {
    let tiles = TileList(tensors.map(\.info.grid))
    let remaining = Mutex(tensors.indices.map(tiles.chunkCount(ofTensor:)))
    for tensor in tensors where finishesTensors && tensor.info.grid.count == 0 {
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
      if isLast, finishesTensors { progress.finish(tensor: tensor.info) }
    }
    try cancellation.check()
  }

  /// Runs numbered pieces of work on several threads; `body` reads what it needs.
  package func forEachPiece(
    count: Int, workspaceByteCount: Int, onFailure: @Sendable () -> Void = {},
    _ body: @Sendable (Int, inout MutableRawSpan) throws -> Void
  ) throws {
    try Parallel(jobs: workers, cancellation: cancellation).forEach(
      count: count, workspaceByteCount: workspaceByteCount, onFailure: onFailure, body)
    try cancellation.check()
  }
}
