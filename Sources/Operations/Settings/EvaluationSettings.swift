package import BLAS
import Checkpoints

/// The text that a model is run over, and how.
package struct EvaluationSettings: Codable, Sendable, Equatable {
  /// Texts or tokens: `PATH`, or `PATH:NAME` for a tensor.
  package var data: [String] = []
  /// The number of tokens of a window; nil for 512 or as many as the model was trained on.
  package var window: Int?
  /// The distance of two windows; nil for the length of a window.
  package var stride: Int?
  /// The number of tokens that are used of each text; nil for all.
  package var tokenLimit: Int?
  /// The path of a tokenizer.json in place of the model's.
  package var tokenizer: String?
  package var start = StartToken.auto
  package var kernels = KernelChoice.native
  /// The folder that keeps the state of the run after each block, from which the same run goes on; nil to keep none.
  package var resumeFolder: String?

  /// The token at the start of each window.
  package enum StartToken: String, Codable, Sendable, CaseIterable {
    /// The token that the tokenizer puts before a text, if it does.
    case auto
    /// `bos_token_id` of config.json.
    case always
    case never
  }

  package init(data: [String] = []) { self.data = data }
}

extension EvaluationSettings {
  /// The paths of the files that are read: those of texts, without the names of tensors in them, and the tokenizer's.
  var paths: [String] {
    TensorPath.files(of: data) + [tokenizer].compactMap(\.self)
  }

  /// The options that shape the result, for lineages.
  var lineageOptions: [Lineage.Option] {
    let numbers: [(String, Int?)] = [
      ("window", window), ("stride", stride), ("tokens", tokenLimit),
    ]
    return data.map { Lineage.Option("data", file: $0) }
      + [tokenizer].compactMap(\.self).map { Lineage.Option("tokenizer", file: $0) }
      + numbers.compactMap { name, value in value.map { Lineage.Option(name, "\($0)") } }
      + [Lineage.Option("bos", start.rawValue), Lineage.Option("kernels", kernels.rawValue)]
  }
}
