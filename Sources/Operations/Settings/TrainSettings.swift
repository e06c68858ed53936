package import BLAS
import Base
import Checkpoints
import Examples
import Training

/// The data and the recipe of a training.
package struct TrainSettings: Codable, Sendable, Equatable {
  /// The path of the recipe; nil for the defaults of an operation that has some.
  package var recipe: String?
  /// Examples or texts: `PATH`, `PATH:NAME` for a tensor, or a pattern of paths.
  package var data: [String]
  /// The labels, if they are not in the file of the examples: `PATH`, or `PATH:NAME`. Only for a single file of examples.
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
  /// The rule for the beginning-of-text token at the start of each window.
  package var start = EvaluationSettings.StartToken.never
  /// The low-rank adapters to train in place of the weights: `lora:RANK` or `lora:RANK:ALPHA`.
  package var adapter: String?
  /// The names of the layers that get adapters, or their ends; empty for all linear layers.
  package var targets: [String] = []

  package init(recipe: String?, data: [String]) {
    self.recipe = recipe
    self.data = data
  }
}

extension TrainSettings {
  /// The options that shape the result, for lineages: names of files, and the values of the recipe.
  func lineageOptions(_ recipe: TrainingRecipe, _ data: any TrainingData) -> [Lineage.Option] {
    let hasWindows = data.windowLength != nil
    var options = self.data.map { Lineage.Option("data", file: $0) }
    options += [labels].compactMap(\.self).map { Lineage.Option("labels", file: $0) }
    if recipe.kept == .best, let test { options.append(Lineage.Option("test", file: test)) }
    options.append(
      Lineage.Option(
        "recipe", JSONValue.object(recipe.values(hasWindows: hasWindows)).serialized()))
    options += [draws].compactMap(\.self).map { Lineage.Option("draws", file: $0) }
    options += [tokenizer].compactMap(\.self).map { Lineage.Option("tokenizer", file: $0) }
    if hasWindows { options.append(Lineage.Option("bos", start.rawValue)) }
    options += [adapter].compactMap(\.self).map { Lineage.Option("adapter", $0) }
    options += targets.map { Lineage.Option("target", $0) }
    return options + [Lineage.Option("kernels", kernels.rawValue)]
  }
}
