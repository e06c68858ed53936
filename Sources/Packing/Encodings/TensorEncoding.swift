import Base
package import Checkpoints
package import PackedFormat
import TensorCore

/// A way to store a tensor as terms in a `.sumac` file.
package protocol TensorEncoding: Sendable {
  /// A short name, such as `int4:g128`.
  var label: String { get }

  /// Returns the size and the resources that encoding will need, from the header without reading values.
  func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan

  /// Gathers the facts about all values that are needed before the first chunk is encoded.
  /// - Parameter wantsContentID: True if `finished` must contain the hash of the values that reading will
  ///   return.
  func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding
}

/// The size and the resources that encoding a tensor will need.
package struct EncodingPlan: Sendable, Equatable {
  /// The size of all stored chunks in bytes: exact if `isExact`, otherwise an upper bound.
  package var byteCount: Int
  package var isExact: Bool
  /// The memory of each worker in any pass, including the values that are read, in bytes.
  package var workerByteCount: Int
  /// The memory that is kept between passes, in bytes.
  package var fixedByteCount: Int
  package var chunkCount: Int
  /// The number of times that all values are read.
  package var passCount: Int
  /// The maximum size of the index entry besides the tensor's name and shape, in bytes: parameters, tables and
  /// errors.
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

/// A tensor whose terms are determined, and whose chunks can be encoded in any order.
package protocol PreparedEncoding: Sendable {
  /// The segments, in the order of the file.
  var segments: [PackedSegment] { get }
  var workspaceByteCount: Int { get }

  /// Encodes a chunk and passes its stored bytes to `body`.
  @_lifetime(workspace: copy workspace)
  func encode(
    segment: Int, chunk: Int, workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void) throws

  /// Returns the index entry of the tensor, which is complete after all chunks are encoded.
  func finished() -> PackedTensor
}
