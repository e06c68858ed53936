import Checkpoints
package import Coefficients

/// The parts of a merge from which its coefficients are learned.
extension Merging {
  /// The tensors that have coefficients: all but those that are copied.
  package var learnedTensors: [LearnedTensor] {
    tensors.compactMap { tensor in
      guard !tensor.isCopied, case .taskVectors = tensor.combination else { return nil }
      let operands = tensor.operands.map(\.tensor)
      return LearnedTensor(base: operands[0], models: Array(operands.dropFirst()))
    }
  }

  /// The paths of the models whose differences are added, in their order, as the recipe names them.
  package var learnedModels: [String] { recipe.models.filter { $0 != recipe.base } }

  /// The magnitude from which on the values of each model count, and whether negative ones win where the sum is 0; nil if
  /// nothing is trimmed. Final after ``survey(engine:)``.
  package var election: (thresholds: [Float], zeroIsNegative: Bool)? {
    for index in tensors.indices where !tensors[index].isCopied {
      guard case .taskVectors(let keeps, let zeroIsNegative?, _) = findings[index] else { continue }
      let thresholds = keeps.map { keep in
        if case .range(let range) = keep { Float(bitPattern: range.low) } else { Float(0) }
      }
      return (thresholds, zeroIsNegative)
    }
    return nil
  }
}
