package import TensorCore

/// How a container holds a tensor, as `inspect --layout` shows it.
package struct StoredForm: Hashable, Sendable {
  package var file: String
  /// The first stored byte, counted from the start of the file.
  package var byteOffset: Int
  package var byteCount: Int
  /// The dtype in the file, whatever a transform makes of it.
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

  /// Dtype and codec in a word or two.
  package var label: String { codec == "raw" ? dtype.name : "\(dtype.name) \(codec)" }
}

/// What a container records of the values that it holds, beside the values.
package struct StoredRecord: Sendable, Equatable {
  /// ‖x − x̂‖₂ / ‖x‖₂, where x are the values that the stored ones were made from; nil if unknown.
  package var relativeError: Double?
  /// Whether the container holds less than the values that it was given.
  package var isLossy = false
  /// Whether zeros are left out.
  package var isSparse = false
  /// SHA-256 of the canonical bytes of the values.
  package var contentID: [UInt8]?

  package init() {}
}
