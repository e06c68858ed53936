import Base
package import Codecs
package import SystemPackage

/// A container's way of writing: planned from headers, then driven tile by tile.
package protocol CheckpointWriter: Sendable {
  /// Whether the output is a folder.
  var isDirectory: Bool { get }
  var plan: OutputPlan { get }
  /// The likely size of the output where the plan has only an upper bound, from a fixed sample of
  /// the values.
  func estimatedByteCount() throws -> Int?
  func write(to output: AtomicOutput, engine: Engine) throws
  /// Writes the output into a pipe, from its first byte to its last.
  /// - Throws: ``UsageError`` unless its container is sequential.
  func write(toPipe descriptor: FileDescriptor, engine: Engine) throws
}

extension CheckpointWriter {
  package func estimatedByteCount() throws -> Int? { nil }

  package func write(toPipe descriptor: FileDescriptor, engine: Engine) throws {
    throw UsageError("this format cannot be written in one pass")
  }
}

/// What shapes the bytes of an output, whatever its container.
package struct WriterOptions: Sendable {
  /// nil to copy what a `.sumac` file holds as it is, and compress all else as `fast`.
  package var compression: Compression?
  /// SHA-256 of each chunk, so that one hash stands for all bytes against forgery as well.
  package var isSealed: Bool
  /// SHA-256 of each tensor's values.
  package var hasContentIDs: Bool
  package var shardByteCount: Int?
  package var keepsAliases: Bool
  /// What the weights of a model directory are called, without suffix.
  package var weightsName = "model"
  /// The lineage to record; nil to record none.
  package var lineage: Lineage?

  package init(
    compression: Compression? = nil, isSealed: Bool = false, hasContentIDs: Bool = false,
    shardByteCount: Int? = nil, keepsAliases: Bool = true, lineage: Lineage? = nil
  ) {
    self.compression = compression
    self.isSealed = isSealed
    self.hasContentIDs = hasContentIDs
    self.shardByteCount = shardByteCount
    self.keepsAliases = keepsAliases
    self.lineage = lineage
  }
}
