package import BLAS

/// The data and the recipe of a training.
package struct TrainSettings: Codable, Sendable, Equatable {
  /// The path of the recipe.
  package var recipe: String
  /// Examples or text: `PATH`, or `PATH:NAME` for a tensor.
  package var data: String
  /// The labels, if they are not in the file of the examples: `PATH`, or `PATH:NAME`.
  package var labels: String?
  /// The test data and their labels, in the same forms.
  package var test: String?
  package var testLabels: String?
  /// The path of masks of the weights that stay 0.
  package var mask: String?
  /// Numbers of the examples in the order of their use, a row for each epoch: `PATH`, or `PATH:NAME`.
  package var draws: String?
  /// The path of a tokenizer.json in place of the model's.
  package var tokenizer: String?
  package var kernels = KernelChoice.native

  package init(recipe: String, data: String) {
    self.recipe = recipe
    self.data = data
  }
}
