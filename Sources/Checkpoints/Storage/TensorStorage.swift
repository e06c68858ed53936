/// How a tensor is to be stored: plain data that each container interprets or refuses.
package enum TensorStorage: Sendable {
  /// As the container holds such values best: bytes that already have its form are copied, all else is
  /// stored without loss.
  case asIs
  /// Without loss and written anew, whatever form the values had.
  case lossless
  /// Without loss, with or without its zeros, whichever is smaller.
  case losslessOrSparse
  /// As a sum of terms, with loss.
  case recipe(TermRecipe)
  /// In a way that only some containers know; the others write the values.
  case custom(CustomStorage)

  /// Whether the tensor's values change when it is stored.
  package var isLossy: Bool {
    switch self {
    case .asIs, .lossless, .losslessOrSparse: false
    case .recipe(let recipe): !recipe.isLossless
    case .custom(let storage): storage.isLossy
    }
  }
}

/// A way of storing a tensor that no recipe describes.
package struct CustomStorage: Sendable {
  /// Whether values change when they are stored so.
  package var isLossy: Bool
  /// What each container that knows it writes, under a key of that container.
  package var forms: Attributes

  package init(isLossy: Bool, forms: Attributes) {
    self.isLossy = isLossy
    self.forms = forms
  }
}
