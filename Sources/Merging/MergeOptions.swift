package import Checkpoints

/// What a merge takes beside its recipe.
package struct MergeOptions: Sendable {
  /// What magnitudes are compared with where differences are trimmed.
  package enum Scope: String, CaseIterable, Sendable {
    /// Those of the same tensor.
    case tensor
    /// Those of all tensors together.
    case global
  }

  package var seed: UInt64
  package var scope: Scope
  /// Weights that take the place of the recipe's.
  package var coefficients: MergeCoefficients?
  /// Which tensors are merged; the others are the base's, or the first model's.
  package var selection: Selection
  /// Whether embeddings of different lengths are cut to the shortest.
  package var truncatesEmbeddings: Bool

  package init(
    seed: UInt64 = 0, scope: Scope = .tensor, coefficients: MergeCoefficients? = nil,
    selection: Selection = Selection(), truncatesEmbeddings: Bool = false
  ) {
    self.seed = seed
    self.scope = scope
    self.coefficients = coefficients
    self.selection = selection
    self.truncatesEmbeddings = truncatesEmbeddings
  }
}
