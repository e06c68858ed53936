package import BLAS
import Checkpoints

/// The text that a cache belongs to, and how a model runs over it.
package struct SequenceSettings: Codable, Sendable, Equatable {
  /// A text or tokens: `PATH`, or `PATH:NAME` for a tensor.
  package var data: String
  /// The path of a tokenizer.json in place of the model's.
  package var tokenizer: String?
  package var start = EvaluationSettings.StartToken.auto
  package var kernels = KernelChoice.native
  /// The number of positions that rotary frequencies are for, if they depend on the length; nil for those of the run.
  package var context: Int?

  package init(data: String) { self.data = data }
}

extension SequenceSettings {
  /// The settings in the form of an evaluation.
  var evaluation: EvaluationSettings {
    var settings = EvaluationSettings(data: [data])
    settings.tokenizer = tokenizer
    settings.start = start
    settings.kernels = kernels
    return settings
  }

  /// The options that shape the result, for lineages.
  var lineageOptions: [Lineage.Option] {
    evaluation.lineageOptions + (context.map { [Lineage.Option("context", "\($0)")] } ?? [])
  }
}
