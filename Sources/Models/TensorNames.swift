package import Checkpoints
import TensorCore

/// Names of tensors in the dialects of common models.
package enum TensorNames {
  /// The prefix that PEFT adds to the names of the model that an adapter is for.
  package static let adapterPrefix = "base_model.model."

  /// The parts of a name that mark the factors of an adapter, A before B.
  package static let adapterFactors = ["lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B"]

  /// The endings of names of output layers.
  private static let outputWeights = ["lm_head.weight", "output.weight", "embed_out.weight"]

  /// Returns the name without `prefix`, if it has it.
  package static func withoutPrefix(_ prefix: String, _ name: String) -> String {
    name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
  }

  /// True if the name is that of an embedding of tokens, positions or types, which belongs before the layers.
  package static func isEmbedding(_ name: String) -> Bool {
    ["emb", "wte", "wpe"].contains { name.contains($0) }
  }

  /// True if the name is that of the weight of the output layer, which computes the scores of the next token.
  package static func isOutputWeight(_ name: String) -> Bool {
    outputWeights.contains(where: name.hasSuffix)
  }

  /// True if a matrix of this name may have one row for each token of a vocabulary.
  package static func mayCountVocabulary(_ name: String) -> Bool {
    isEmbedding(name) || name.contains("head") || name.contains("output")
  }

  /// Returns the table of token embeddings, which a tied output layer shares; nil unless exactly one tensor
  /// is a candidate.
  /// - Complexity: O(*n*) for *n* tensors.
  package static func tokenEmbeddings(of checkpoint: Checkpoint) -> LazyTensor? {
    let candidates = checkpoint.tensors.filter { tensor in
      isEmbedding(tensor.name) && tensor.info.shape.dimensions.count == 2
        && !tensor.name.contains("pos") && !tensor.name.contains("wpe")
        && LayerNames.parts(of: tensor.name) == nil
    }
    return candidates.count == 1 ? candidates[0] : nil
  }
}
