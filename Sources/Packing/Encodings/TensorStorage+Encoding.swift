package import Checkpoints
package import Codecs

/// The encoding that a custom storage has for `.sumac` files.
package enum PackedEncodingKey: AttributeKey {
  package typealias Value = any TensorEncoding
}

extension TensorStorage {
  /// A tensor with terms of its own in `.sumac` files.
  package static func packed(_ encoding: any TensorEncoding, isLossy: Bool) -> TensorStorage {
    .custom(
      CustomStorage(isLossy: isLossy, forms: Attributes(PackedEncodingKey.self, encoding)))
  }

  /// What a `.sumac` file does for it; nil if the tensor is copied, or written without loss.
  package func encoding(compression: Compression) -> (any TensorEncoding)? {
    switch self {
    case .asIs: nil
    case .lossless: LosslessEncoding(compression: compression)
    case .losslessOrSparse: SparseAutoEncoding(compression: compression)
    case .recipe(let recipe) where recipe.isLossless: LosslessEncoding(compression: compression)
    case .recipe(let recipe): SumEncoding(recipe, compression: compression)
    case .custom(let storage): storage.forms[PackedEncodingKey.self]
    }
  }
}
