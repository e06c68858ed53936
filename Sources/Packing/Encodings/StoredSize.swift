import Base
package import Checkpoints
package import PackedFormat
import Synchronization

/// The size and the error of a tensor under an encoding, measured by encoding all of it.
package struct StoredSize: Sendable, Equatable {
  /// The size of all chunks, in bytes.
  package var byteCount: Int
  package var chunkCount: Int
  package var quality: PackedTensor.Quality?

  /// Encodes all chunks of a tensor and discards them.
  package init(
    _ tensor: LazyTensor, _ encoding: any TensorEncoding, encoder: ChunkEncoder, engine: Engine
  ) throws {
    let prepared = try encoding.prepared(
      tensor, encoder: encoder, engine: engine, wantsContentID: false)
    let segments = prepared.segments
    let starts = segments.reduce(into: [0]) { $0.append($0.last! + $1.chunkCount) }
    let total = Mutex(0)
    try engine.forEachPiece(
      count: starts[segments.count], workspaceByteCount: prepared.workspaceByteCount
    ) { number, workspace in
      let segment = segments.indices.last { starts[$0] <= number }!
      try prepared.encode(
        segment: segment, chunk: number - starts[segment], workspace: &workspace
      ) { bytes, _ in
        let count = bytes.byteCount
        total.withLock { $0 += count }
      }
    }
    byteCount = total.withLock { $0 }
    chunkCount = starts[segments.count]
    quality = prepared.finished().quality
  }
}
