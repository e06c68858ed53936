import Base
import Checkpoints
package import TensorCore

/// A tensor of the output as it is planned before any value is read.
package struct PlannedTensor: Sendable {
  /// The name, dtype and shape in the output.
  package var info: TensorInfo
  /// The operands: the base, if it has a role, followed by the models; a copied tensor has one operand.
  var operands: [Operand]
  var combination: Combination
  /// The tensors of other models whose values must equal those of the copied tensor.
  var twins: [Operand] = []
  /// True if the values are copied bit for bit from an input.
  package var isCopied = false
  /// The name of the tensor that this one is an alias of.
  var aliasOf: String?

  /// The number of bytes of all operands and twins.
  var byteCount: Int {
    (operands + twins).reduce(0) { $0 + $1.tensor.info.byteCount }
  }
}
