package import Base
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
    var effect = Effect.addition
    var target = Target.name
    /// The tensor whose terms the sum has; nil if it was made from other tensors.
    var original: LazyTensor?

    package var name: String { sum.info.name }
  }

  /// The effect of a change on the tensor of the base.
  enum Effect: Sendable {
    /// The sum is added.
    case addition
    /// The sum replaces the tensor, and may have more or fewer rows.
    case replacement
    /// The rows of the sum replace rows with these indices.
    case rows([Int])
    /// The sum is added, and each row of the result is scaled to a norm.
    case magnitude(LazyTensor)
  }

  /// The way in which a change refers to a tensor of the base.
  enum Target: Sendable {
    /// By the name of the tensor.
    case name
    /// By the name of a module of a pipeline's component, with underscores in place of dots.
    case flattened(component: String)
    /// As one of these changes; the names and shapes of the base decide which.
    case oneOf([Tensor])
  }

  package let checkpoint: Checkpoint
  package let kind: Kind
  package let tensors: [Tensor]

  package var name: String { FileSystem.ownName(of: checkpoint.path) }

  /// Returns true if a checkpoint has changes of a model and not the values of one: a task vector or an adapter.
  package static func isVector(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.metadataString(metadataKey) != nil || LowRankAdapter.isAdapter(checkpoint)
  }

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
    try SeveralErrors.throwIfAny(
      checkpoint.tensors.compactMap(\.fault)
        + (kind == .difference ? Self.dtypeErrors(checkpoint) : []))
    tensors = checkpoint.tensors.map { tensor in
      var sum = TermSum(tensor)
      // Terms that replace earlier ones cannot be added to other terms, so the tensor becomes one dense term.
      if kind == .difference, !sum.isAdded {
        sum.parts = [.dense(tensor, factor: 1)]
      }
      return Tensor(sum: sum, original: tensor)
    }
  }

  /// Returns an error for the tensors whose dtype cannot hold differences.
  private static func dtypeErrors(_ checkpoint: Checkpoint) -> [any UserError] {
    var refused = GroupedNames()
    for tensor in checkpoint.tensors {
      let dtype = tensor.info.dtype
      // F8_E8M0 has no negative numbers.
      guard !dtype.isFloat || dtype == .f8E8M0 else { continue }
      refused.add(tensor.name, to: "\(dtype.name) cannot hold differences, expected floats")
    }
    return refused.map { text, names, _ in
      FormatError(
        .vectorDType, "\(names): \(text)", path: checkpoint.path,
        hint: "extract the vector again without these tensors")
    }
  }
}

extension TaskVector.Tensor {
  /// Returns the parts of the change, multiplied by a number, for a sum of the dtype of `info`.
  ///
  /// Stored terms are divided into chunks by their dtype, so that they fit only sums of the same dtype; for other
  /// sums the tensor is decoded.
  func parts(for info: TensorInfo, scaledBy scale: Float) -> [TermSum.Part] {
    let hasStoredTerms = sum.parts.contains { if case .stored = $0 { true } else { false } }
    if hasStoredTerms, let original, info.dtype != sum.info.dtype || info.dtype == .f64 {
      return [.dense(original, factor: scale)]
    }
    return sum.isAdded ? sum.scaled(by: scale).parts : sum.parts
  }

  /// True if the change is added to any tensor with its name and shape.
  var isPlainAddition: Bool {
    if case .addition = effect, case .name = target { true } else { false }
  }
}

extension FormatError.Code {
  package static let vectorDType = FormatError.Code(
    "vector.dtype",
    meaning: "A task vector has tensors of a dtype that cannot hold differences.",
    remedy: "Extract the vector again, without tensors other than floats.")
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
