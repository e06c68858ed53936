import Base
package import Codecs
package import SystemPackage

/// A writer of one output: planned from headers, then run tile by tile.
package protocol CheckpointWriter: Sendable {
  /// True if the output is a folder.
  var isDirectory: Bool { get }
  var plan: OutputPlan { get }
  /// Returns the likely size of the output if the plan has only an upper bound, from a fixed sample of the
  /// values; nil if there is no estimate.
  func estimatedByteCount() throws -> Int?
  /// The writer of the single files of the output; nil if they cannot be written one by one.
  var partition: (any PartitionedWriter)? { get }
  func write(to output: AtomicOutput, engine: Engine) throws
  /// Writes the output into a pipe, from the first byte to the last.
  /// - Throws: ``UsageError`` unless its container is sequential.
  func write(toPipe descriptor: FileDescriptor, engine: Engine) throws
}

extension CheckpointWriter {
  package func estimatedByteCount() throws -> Int? { nil }

  package var partition: (any PartitionedWriter)? { nil }

  package func write(toPipe descriptor: FileDescriptor, engine: Engine) throws {
    throw UsageError("this format cannot be written to a pipe")
  }
}

/// The options that shape the bytes of an output, whatever its container.
package struct WriterOptions: Sendable {
  /// The compression; nil to copy the chunks of `.sumac` files and compress other values as `fast`.
  package var compression: Compression?
  /// True to store a SHA-256 of each chunk, so that one hash protects all bytes against forgery.
  package var isSealed: Bool
  /// True to store a SHA-256 of each tensor's values.
  package var hasContentIDs: Bool
  package var shardByteCount: Int?
  /// The names of the tensors of each shard, as an earlier plan of the same output has cut them; nil to cut by size.
  ///
  /// A survey may change how tensors are stored, but not which shards they are in.
  package var cut: [[String]]?
  package var keepsAliases: Bool
  /// The lineage to record; nil to record none.
  package var lineage: Lineage?
  /// The inputs whose ids in the lineage are known when their values have been read; nil if all ids are known.
  package var lateInputs: LateInputs?

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
