package import PackedFormat
import TensorCore

/// A container's way of writing: planned from headers, then driven tile by tile.
package protocol CheckpointWriter: Sendable {
  /// Whether the output is a folder.
  var isDirectory: Bool { get }
  var plan: OutputPlan { get }
  /// The likely size of the output where the plan has only an upper bound, from a fixed sample of
  /// the values.
  func estimatedByteCount() throws -> Int?
  func write(to output: AtomicOutput, engine: Engine) throws
}

extension CheckpointWriter {
  package func estimatedByteCount() throws -> Int? { nil }
}

/// What shapes the bytes of an output, whatever its container.
package struct WriterOptions: Sendable {
  package var compression: Compression
  package var shardByteCount: Int?
  package var keepsAliases: Bool
  /// The lineage to record; nil to record none.
  package var lineage: Lineage?

  package init(
    compression: Compression = .fast, shardByteCount: Int? = nil, keepsAliases: Bool = true,
    lineage: Lineage? = nil
  ) {
    self.compression = compression
    self.shardByteCount = shardByteCount
    self.keepsAliases = keepsAliases
    self.lineage = lineage
  }
}
