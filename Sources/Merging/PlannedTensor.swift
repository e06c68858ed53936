import Base
import Checkpoints
package import TensorCore

/// A tensor of the output, as it is known before values have been read.
package struct PlannedTensor: Sendable {
  /// Name, dtype and shape it will have.
  package var info: TensorInfo
  /// What it is computed of: the base, where it has a role, and then the models; one that is copied has
  /// one.
  var operands: [Operand]
  var combination: Combination
  /// Tensors that must have the values of the one that is copied.
  var twins: [Operand] = []
  /// Whether its values are those of an input, bit for bit.
  package var isCopied = false
  /// The tensor that this is another name of.
  var aliasOf: String?

  /// Bytes of all operands.
  var byteCount: Int {
    (operands + twins).reduce(0) { $0 + $1.tensor.info.byteCount }
  }
}
