package import Base
package import TensorCore

/// A tensor whose values are read when they are needed.
package struct LazyTensor: Sendable {
  package var info: TensorInfo
  package var source: any TensorSource
  package var stored: StoredForm
  /// The name of the tensor that this one is an alias of, if the container records it.
  package var aliasOf: String?
  /// The form in which the tensor is to be stored.
  package var storage = TensorStorage.asIs
  /// Data that a container attaches for its own use.
  package var attributes = Attributes()
  /// The reason why the tensor cannot be read, if the header reveals it, such as an unknown codec.
  package var fault: FormatError? {
    get { storedFault?.error }
    set { storedFault = newValue.map(StoredFault.init) }
  }
  /// Nearly all tensors have no fault, so that it takes no room in them.
  private var storedFault: StoredFault?

  private final class StoredFault: Sendable {
    let error: FormatError
    init(_ error: FormatError) { self.error = error }
  }

  package init(
    info: TensorInfo, source: any TensorSource, stored: StoredForm, aliasOf: String? = nil,
    fault: FormatError? = nil
  ) {
    self.info = info
    self.source = source
    self.stored = stored
    self.aliasOf = aliasOf
    storedFault = fault.map(StoredFault.init)
  }

  package var name: String { info.name }

  /// The container's record of the values, valid as long as no transform has changed them.
  package var record: StoredRecord { source.record }

  /// Reads all values as canonical bytes, for small tensors and files.
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
