package import PackedFormat
package import Base
package import TensorCore

/// A tensor that is read only where and when it is needed.
package struct LazyTensor: Sendable {
  package var info: TensorInfo
  package var source: any TensorSource
  package var stored: StoredForm
  /// The tensor that this is another name of, where the container says so.
  package var aliasOf: String?
  /// How `.sumac` files are to store it; nil if as it is, or without loss.
  package var encoding: (any TensorEncoding)?
  /// What other programs keep beside it in a `.sumac` file.
  package var extensions: [PackedExtension] = []
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

/// How a container holds a tensor: what `inspect --layout` shows.
package struct StoredForm: Hashable, Sendable {
  package var file: String
  /// Of the first stored byte, from the start of the file.
  package var byteOffset: Int
  package var byteCount: Int
  /// The dtype it has there, whatever a transform makes of it.
  package var dtype: DType
  /// The names of the codecs that coded it, such as `raw` or `planes`.
  package var codec: String
  package var chunkCount: Int

  package init(
    file: String, byteOffset: Int, byteCount: Int, dtype: DType, codec: String = "raw",
    chunkCount: Int = 1
  ) {
    self.file = file
    self.byteOffset = byteOffset
    self.byteCount = byteCount
    self.dtype = dtype
    self.codec = codec
    self.chunkCount = chunkCount
  }

  /// Dtype and codec in a word or two.
  package var label: String { codec == "raw" ? dtype.name : "\(dtype.name) \(codec)" }
}
