package import Checkpoints
package import Coefficients

/// The options of a merge that are not part of its recipe.
package struct MergeOptions: Sendable {
  /// The set of magnitudes that are ranked together when differences are trimmed.
  package enum Scope: String, CaseIterable, Sendable {
    /// The magnitudes of one tensor.
    case tensor
    /// The magnitudes of all tensors.
    case global
  }

  /// The seed of random trims.
  package var seed: UInt64
  package var scope: Scope
  /// The weights that replace those of the recipe.
  package var coefficients: MergeCoefficients?
  /// The tensors that are merged; all others are copied from the base, or from the first model without a base.
  package var selection: Selection
  /// True if embeddings with different numbers of rows are cut to the smallest number.
  package var truncatesEmbeddings: Bool
  /// True if models whose configurations or tokenizers differ are merged.
  package var allowsConfigMismatch: Bool

  package init(
    seed: UInt64 = 0, scope: Scope = .tensor, coefficients: MergeCoefficients? = nil,
    selection: Selection = Selection(), truncatesEmbeddings: Bool = false,
    allowsConfigMismatch: Bool = false
  ) {
    self.seed = seed
    self.scope = scope
    self.coefficients = coefficients
    self.selection = selection
    self.truncatesEmbeddings = truncatesEmbeddings
    self.allowsConfigMismatch = allowsConfigMismatch
  }
}
