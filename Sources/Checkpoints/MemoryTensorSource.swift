import Base
package import TensorCore

/// A source of values in memory, such as small files that a transform has changed.
package struct MemoryTensorSource: TensorSource {
  private let info: TensorInfo
  private let values: [UInt8]

  package init(info: TensorInfo, values: [UInt8]) {
    precondition(values.count == info.byteCount)
    self.info = info
    self.values = values
  }

  package func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    values.copy(self.values.rawSpan.extracting(info.bytes(of: elements)))
  }
}

extension ContainerName {
  /// The container of checkpoints that were created in memory.
  package static let memory = ContainerName(rawValue: "memory")
}
