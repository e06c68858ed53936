package import Base
package import Checkpoints
import TensorCore

/// The parts of a merge from which its coefficients are learned.
extension Merging {
  /// A tensor that the merge computes: that of the base, and those of the models in their order.
  package struct LearnedTensor: Sendable {
    package var base: LazyTensor
    package var models: [LazyTensor]

    package var name: String { base.name }
  }

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

extension MergeCoefficients {
  /// Creates a table of numbers that were learned.
  package init(
    _ grouping: Grouping, models: [String]?, rows: [String: [Double]], path: String
  ) {
    self.path = path
    self.grouping = grouping
    self.models = models
    self.rows = rows
  }

  /// The table as a file that the initializer reads, with rows in the order of `names`.
  package func document(rowsInOrder names: [String]) -> JSONObject {
    var coefficients = JSONObject()
    for name in names {
      coefficients[name] = .array((rows[name] ?? []).map { JSONValue($0) })
    }
    return [
      "grouping": .string(grouping.rawValue),
      "models": .array((models ?? []).map { .string($0) }), "coefficients": .object(coefficients),
    ]
  }

  /// Returns the name of the row of a tensor in a table of a grouping.
  ///
  /// - Parameter blocks: The prefixes of the names of tensors in blocks, each with its dot.
  package static func rowName(
    of tensor: String, _ grouping: Grouping, blocks: [String]
  ) -> String {
    switch grouping {
    case .task: return "*"
    case .tensor: return tensor
    case .qkv:
      let names = fusedNames(of: tensor)
      return names.count > 1 ? names[1] : tensor
    case .block:
      if let block = blocks.first(where: { tensor.hasPrefix($0) }) {
        return String(block.dropLast())
      }
      return tensor.lastIndex(of: ".").map { String(tensor[..<$0]) } ?? tensor
    }
  }
}
