package import Base
package import Checkpoints
import TensorCore

/// What tells the weights that matter from those that do not: the lower a score, the sooner a weight
/// goes.
package protocol PruningScore: Sendable {
  /// Whether a score is the value itself, so that nothing needs to be replaced.
  var isMagnitude: Bool { get }

  /// Bytes that `replace` needs for up to `elementCount` values of a tensor.
  func scratchByteCount(_ tensor: LazyTensor, elementCount: Int) -> Int

  /// Puts the scores of `elements` in place of their values, both F32; the sign of a score does not
  /// count.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func replace(
    _ values: inout MutableRawSpan, of tensor: LazyTensor, _ elements: Range<Int>,
    scratch: inout MutableRawSpan) throws

  /// What is wrong with pruning these tensors by it.
  func errors(for tensors: [LazyTensor]) -> [any UserError]
}

extension PruningScore {
  package var isMagnitude: Bool { false }
  package func scratchByteCount(_ tensor: LazyTensor, elementCount: Int) -> Int { 0 }
  package func errors(for tensors: [LazyTensor]) -> [any UserError] { [] }
}
