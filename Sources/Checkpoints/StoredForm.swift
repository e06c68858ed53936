package import TensorCore

/// The form in which a container stores a tensor, for `inspect --layout`.
package struct StoredForm: Hashable, Sendable {
  package var file: String
  /// The offset of the first stored byte from the start of the file.
  package var byteOffset: Int
  package var byteCount: Int
  /// The dtype in the file, which a transform does not change.
  package var dtype: DType
  /// The names of the codecs, such as `raw` or `planes`.
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

  /// A short description of dtype and codec.
  package var label: String { codec == "raw" ? dtype.name : "\(dtype.name) \(codec)" }
}

/// The data that a container records about its stored values.
package struct StoredRecord: Sendable, Equatable {
  /// ‖x − x̂‖₂ / ‖x‖₂, where x are the original values and x̂ the stored ones; nil if unknown.
  package var relativeError: Double?
  /// ‖x‖₂ of the original values; nil if unknown.
  package var norm: Double?
  /// True if the stored values may differ from the original values.
  package var isLossy = false
  /// True if zeros are not stored.
  package var isSparse = false
  /// SHA-256 of the canonical bytes of the values.
  package var contentID: [UInt8]?

  package init() {}
}
