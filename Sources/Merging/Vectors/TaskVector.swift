import Base
package import Checkpoints
import Packing
import TensorCore

/// What a fine-tune has that its base has not, under the names of the base's tensors: differences that
/// are added, or values that take the place of others.
package struct TaskVector: Sendable {
  package enum Kind: String, Sendable {
    case difference, replacement
  }

  /// Marks a checkpoint as a vector, and says of which kind.
  package static let metadataKey = "sumac.vector"

  package struct Tensor: Sendable {
    var sum: TermSum
    /// Whether all of it stands in the place of the base's, as adapters keep some tensors.
    var isWhole = false

    package var name: String { sum.info.name }
  }

  package let checkpoint: Checkpoint
  package let kind: Kind
  package let tensors: [Tensor]

  package var name: String { FileSystem.ownName(of: checkpoint.path) }

  /// - Throws: an error if the checkpoint is neither a vector nor an adapter.
  package init(_ checkpoint: Checkpoint) throws {
    self.checkpoint = checkpoint
    if LowRankAdapter.isOne(checkpoint) {
      kind = .difference
      tensors = try LowRankAdapter.tensors(of: checkpoint)
      return
    }
    guard let mark = checkpoint.metadataString(Self.metadataKey),
      let kind = Kind(rawValue: mark)
    else {
      throw UsageError(
        "\(checkpoint.path.printable): is no task vector and no LoRA adapter",
        hint:
          "make a vector of two models with: \(command: "vector extract TUNED --base BASE -o V.sumac")"
      )
    }
    self.kind = kind
    try SeveralErrors.throwIfAny(checkpoint.tensors.compactMap(\.fault))
    tensors = checkpoint.tensors.map { tensor in
      var sum = TermSum(tensor)
      // Terms that replace what is before them can only stand where they are.
      if kind == .difference, !sum.isAdded {
        sum.parts = [.dense(tensor, factor: 1)]
      }
      return Tensor(sum: sum)
    }
  }
}

extension TermSum {
  /// As a tensor of an output: plans and reports tell of it as of its first part.
  func lazy(like tensor: LazyTensor) -> LazyTensor { lazy(stored: tensor.stored) }
}

extension Checkpoint {
  /// The checkpoint marked as a task vector.
  func marked(_ kind: TaskVector.Kind) -> Checkpoint {
    var result = self
    result.metadata.removeAll { $0.key == TaskVector.metadataKey }
    result.metadata.append(Metadatum(key: TaskVector.metadataKey, value: kind.rawValue))
    result.metadata.sort { $0.key.precedesAsBytes($1.key) }
    return result
  }
}
