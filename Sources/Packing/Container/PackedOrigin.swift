package import Checkpoints
package import PackedFormat

/// The position of a tensor or companion in a `.sumac` file.
package struct PackedOrigin: AttributeKey, Sendable {
  package typealias Value = PackedOrigin

  package let reader: PackedReader
  /// The index of the entry; nil for a companion file.
  package let entry: Int?
  /// The segments that contain the tensor or companion.
  package let segments: Range<Int>

  /// The index entry of the tensor; nil for a companion file.
  package var tensor: PackedTensor? { entry.flatMap(reader.tensor(ofEntry:)) }
}

/// The attribute for extensions that other programs store in a `.sumac` file for a tensor or for the whole
/// file.
package enum PackedExtensions: AttributeKey {
  package typealias Value = [PackedExtension]
}

extension LazyTensor {
  /// The position of the values in a `.sumac` file; nil if they have another source or a transform changed
  /// them.
  package var packedOrigin: PackedOrigin? { source.origin[PackedOrigin.self] }
}

extension StoredRecord {
  /// Creates a record from the index entry of a tensor.
  init(_ tensor: PackedTensor?) {
    self.init()
    guard let tensor else { return }
    if let quality = tensor.quality {
      relativeError = quality.norm > 0 ? quality.error / quality.norm : 0
      norm = quality.norm
    }
    isLossy = !tensor.terms.allSatisfy(\.isLossless)
    isSparse =
      tensor.terms.contains { if case .sparse = $0.content { true } else { false } }
      && !tensor.terms.contains { if case .dense = $0.content { true } else { false } }
    contentID = tensor.contentID
  }
}
