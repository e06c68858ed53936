import Base
package import Checkpoints
package import PackedFormat
import TensorCore

/// A way to store a tensor in a `.sumac` file: which terms it becomes.
package protocol TensorEncoding: Sendable {
  /// In a word or two, as in `int4:g128`.
  var label: String { get }

  /// What it will take, from the header alone.
  func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan

  /// Reads what must be known of all values before the first chunk is encoded.
  /// - Parameter wantsContentID: whether `finished` must know the hash of the values that reading
  ///   will give.
  func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding
}

package struct EncodingPlan: Sendable, Equatable {
  /// Of all stored chunks: exact, or an upper bound.
  package var byteCount: Int
  package var isExact: Bool
  /// Memory of each worker, values that are read included, in every pass.
  package var workerByteCount: Int
  /// Memory that is kept from one pass to another.
  package var fixedByteCount: Int
  package var chunkCount: Int
  /// How often all values are read.
  package var passCount: Int
  /// Of what the index says of the tensor beyond its name and shape, at most: parameters, tables, errors.
  package var indexByteCount = 4096

  package init(
    byteCount: Int, isExact: Bool, workerByteCount: Int, fixedByteCount: Int, chunkCount: Int,
    passCount: Int
  ) {
    self.byteCount = byteCount
    self.isExact = isExact
    self.workerByteCount = workerByteCount
    self.fixedByteCount = fixedByteCount
    self.chunkCount = chunkCount
    self.passCount = passCount
  }
}

/// A tensor whose terms are settled, and whose chunks can be encoded in any order.
package protocol PreparedEncoding: Sendable {
  /// In the order of the file.
  var segments: [PackedSegment] { get }
  var workspaceByteCount: Int { get }

  /// Encodes a chunk and lends its stored bytes to `body`.
  @_lifetime(workspace: copy workspace)
  func encode(
    segment: Int, chunk: Int, workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void) throws

  /// What the index says of the tensor, known when all chunks are encoded.
  func finished() -> PackedTensor
}
