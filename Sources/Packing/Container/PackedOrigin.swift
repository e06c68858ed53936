package import Checkpoints
package import PackedFormat

/// Where a tensor or companion lies in a `.sumac` file.
package struct PackedOrigin: AttributeKey, Sendable {
  package typealias Value = PackedOrigin

  package let reader: PackedReader
  /// The entry of the index; nil for a file beside the tensors.
  package let entry: Int?
  /// The segments that hold it.
  package let segments: Range<Int>

  /// What the index says of the tensor; nil for a file beside the tensors.
  package var tensor: PackedTensor? { entry.flatMap(reader.tensor(ofEntry:)) }
}

/// What other programs keep in a `.sumac` file beside a tensor, or beside all of them.
package enum PackedExtensions: AttributeKey {
  package typealias Value = [PackedExtension]
}

extension LazyTensor {
  /// Where the values lie in a `.sumac` file; nil if they come from elsewhere or a transform changed them.
  package var packedOrigin: PackedOrigin? { source.origin[PackedOrigin.self] }
}

extension StoredRecord {
  /// What the index of a file says of the values of a tensor.
  init(_ tensor: PackedTensor?) {
    self.init()
    guard let tensor else { return }
    if let quality = tensor.quality {
      relativeError = quality.norm > 0 ? quality.error / quality.norm : 0
    }
    isLossy = !tensor.terms.allSatisfy(\.isLossless)
    isSparse =
      tensor.terms.contains { if case .sparse = $0.content { true } else { false } }
      && !tensor.terms.contains { if case .dense = $0.content { true } else { false } }
    contentID = tensor.contentID
  }
}
