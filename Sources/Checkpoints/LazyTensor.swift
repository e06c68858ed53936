package import Base
package import TensorCore

/// A tensor that is read only where and when it is needed.
package struct LazyTensor: Sendable {
  package var info: TensorInfo
  package var source: any TensorSource
  package var stored: StoredForm
  /// The tensor that this is another name of, where the container says so.
  package var aliasOf: String?
  /// How it is to be stored.
  package var storage = TensorStorage.asIs
  /// What containers attach to it, for themselves.
  package var attributes = Attributes()
  /// Why it cannot be read, if that is known from its header: a codec of a newer version.
  package var fault: FormatError?

  package init(
    info: TensorInfo, source: any TensorSource, stored: StoredForm, aliasOf: String? = nil,
    fault: FormatError? = nil
  ) {
    self.info = info
    self.source = source
    self.stored = stored
    self.aliasOf = aliasOf
    self.fault = fault
  }

  package var name: String { info.name }

  /// What the container records of the values, as long as no transform has changed them.
  package var record: StoredRecord { source.record }

  /// All values in canonical bytes, for small tensors and files.
  package func bytes() throws -> [UInt8] {
    var values = ByteBuffer(byteCount: info.byteCount)
    var scratch = ByteBuffer(
      byteCount: source.scratchByteCount(elementCount: info.elementCount))
    var span = values.mutableBytes
    var room = scratch.mutableBytes
    try source.read(0..<info.elementCount, into: &span, scratch: &room)
    return values.bytes.array()
  }
}
