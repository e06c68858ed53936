import Base
package import Checkpoints
import Packing
import TensorCore

/// The changes of a fine-tune from its base, by the names of the base's tensors.
///
/// The changes are differences that are added to the base, or values that replace those of the base.
package struct TaskVector: Sendable {
  /// The way in which a vector changes its base: by adding differences, or by replacing values.
  package enum Kind: String, Sendable {
    case difference, replacement
  }

  /// The metadata key that marks a checkpoint as a vector; its value is the kind.
  package static let metadataKey = "sumac.vector"

  /// The change of one tensor, as a sum of terms.
  package struct Tensor: Sendable {
    var sum: TermSum
    /// True if the tensor replaces that of the base, as some tensors of adapters do.
    var isWhole = false

    package var name: String { sum.info.name }
  }

  package let checkpoint: Checkpoint
  package let kind: Kind
  package let tensors: [Tensor]

  package var name: String { FileSystem.ownName(of: checkpoint.path) }

  /// Creates a vector from a checkpoint.
  ///
  /// - Throws: An error if the checkpoint is neither a vector nor a valid adapter.
  package init(_ checkpoint: Checkpoint) throws {
    self.checkpoint = checkpoint
    if LowRankAdapter.isAdapter(checkpoint) {
      kind = .difference
      tensors = try LowRankAdapter.tensors(of: checkpoint)
      return
    }
    guard let mark = checkpoint.metadataString(Self.metadataKey),
      let kind = Kind(rawValue: mark)
    else {
      throw UsageError(
        "\(checkpoint.path.printable): is not a task vector or LoRA adapter",
        hint:
          "extract a vector from two models with: \(command: "vector extract TUNED --base BASE -o V.sumac")"
      )
    }
    self.kind = kind
    try SeveralErrors.throwIfAny(checkpoint.tensors.compactMap(\.fault))
    tensors = checkpoint.tensors.map { tensor in
      var sum = TermSum(tensor)
      // Terms that replace earlier ones cannot be added to other terms, so the tensor becomes one dense term.
      if kind == .difference, !sum.isAdded {
        sum.parts = [.dense(tensor, factor: 1)]
      }
      return Tensor(sum: sum)
    }
  }
}

extension TermSum {
  /// Returns the sum as a tensor of an output; plans and reports show it in the stored form of `tensor`.
  func lazy(like tensor: LazyTensor) -> LazyTensor { lazy(stored: tensor.stored) }
}

extension Checkpoint {
  /// Returns the checkpoint, marked as a task vector.
  func marked(_ kind: TaskVector.Kind) -> Checkpoint {
    var result = self
    result.metadata.removeAll { $0.key == TaskVector.metadataKey }
    result.metadata.append(Metadatum(key: TaskVector.metadataKey, value: kind.rawValue))
    result.metadata.sort { $0.key.precedesAsBytes($1.key) }
    return result
  }
}
