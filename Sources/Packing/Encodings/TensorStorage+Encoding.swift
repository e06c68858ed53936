package import Checkpoints
package import Codecs

/// The attribute for the encoding of a custom storage in `.sumac` files.
package enum PackedEncodingKey: AttributeKey {
  package typealias Value = any TensorEncoding
}

extension TensorStorage {
  /// Returns the storage of a tensor that has its own terms in `.sumac` files.
  package static func packed(_ encoding: any TensorEncoding, isLossy: Bool) -> TensorStorage {
    .custom(
      CustomStorage(isLossy: isLossy, forms: Attributes(PackedEncodingKey.self, encoding)))
  }

  /// Returns the encoding for `.sumac` files; nil if the tensor is copied, or written losslessly.
  package func encoding(compression: Compression) -> (any TensorEncoding)? {
    switch self {
    case .asIs: nil
    case .lossless: LosslessEncoding(compression: compression)
    case .losslessOrSparse: SparseAutoEncoding(compression: compression)
    case .recipe(let recipe, _) where recipe.isLossless:
      LosslessEncoding(compression: compression)
    case .recipe(let recipe, let rows):
      SmallerEncoding(SumEncoding(recipe, rows: rows, compression: compression))
    case .custom(let storage): storage.forms[PackedEncodingKey.self]
    }
  }
}
