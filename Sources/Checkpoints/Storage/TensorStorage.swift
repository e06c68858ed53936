package import TensorCore

/// The requested form of a stored tensor. Each container interprets or refuses it.
package enum TensorStorage: Sendable {
  /// The best form of the container: bytes that already have its form are copied, and other values are
  /// stored without loss.
  case asIs
  /// Encoded anew and without loss, whatever form the values had.
  case lossless
  /// Without loss, with or without zeros, whichever is smaller.
  case losslessOrSparse
  /// As a sum of terms, with loss; groups and low-rank products follow the rows.
  case recipe(TermRecipe, RowGeometry)
  /// A form that only some containers know; the others store the values.
  case custom(CustomStorage)

  /// True if storing changes the values.
  package var isLossy: Bool {
    switch self {
    case .asIs, .lossless, .losslessOrSparse: false
    case .recipe(let recipe, _): !recipe.isLossless
    case .custom(let storage): storage.isLossy
    }
  }
}

/// A form of storage that no recipe describes.
package struct CustomStorage: Sendable {
  /// True if storing changes the values.
  package var isLossy: Bool
  /// The form for each container that knows it, under a key of that container.
  package var forms: Attributes

  package init(isLossy: Bool, forms: Attributes) {
    self.isLossy = isLossy
    self.forms = forms
  }
}
