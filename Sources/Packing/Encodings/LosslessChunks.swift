import Base
import Checkpoints
import Codecs
import PackedFormat
import TensorCore

/// The chunks of a lazy tensor, encoded with a codec that works on their canonical bytes.
struct LosslessChunks: Sendable {
  let tensor: LazyTensor
  let codec: any ValueCodec
  let encoder: ChunkEncoder

  /// Returns the layout of a worker's memory for a chunk: its values, and scratch memory to read and encode them.
  private func layout(_ chunk: ChunkLayout) -> WorkspaceLayout {
    WorkspaceLayout(
      chunk.byteCount,
      scratch: max(
        tensor.source.scratchByteCount(elementCount: chunk.elementCount),
        encoder.scratchByteCount(codec, chunk)))
  }

  /// The memory of a worker for any chunk, in bytes.
  var workspaceByteCount: Int {
    tensor.info.grid.count > 0 ? layout(ChunkLayout(tensor.info, chunk: 0)).byteCount : 0
  }

  /// Reads and encodes a chunk, and lends the stored bytes to `body`.
  @_lifetime(workspace: copy workspace)
  func encode<Result>(
    _ chunk: Int, workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Result
  ) throws -> Result {
    let chunk = ChunkLayout(tensor.info, chunk: chunk)
    return try layout(chunk).withSpans(of: &workspace) { values, rest in
      try tensor.source.read(chunk.elements, into: &values, scratch: &rest)
      return try encoder.encode(values.bytes, chunk, codec: codec, scratch: &rest, body)
    }
  }
}
