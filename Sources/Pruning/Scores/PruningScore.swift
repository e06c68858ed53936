package import Base
package import Checkpoints
package import TensorCore

/// A score that ranks weights by importance. Weights with lower scores are dropped first.
package protocol PruningScore: Sendable {
  /// True if the score of a weight is its own magnitude, so that `replace` does nothing.
  var isMagnitude: Bool { get }

  /// Returns the scratch memory that `replace` needs for up to `elementCount` values of a tensor, in bytes.
  func scratchByteCount(_ tensor: LazyTensor, elementCount: Int) -> Int

  /// Replaces the F32 values of `elements` by their F32 scores. The sign of a score is ignored.
  ///
  /// - Parameter rows: The rows of the tensor.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func replace(
    _ values: inout MutableRawSpan, of tensor: LazyTensor, _ rows: RowGeometry,
    _ elements: Range<Int>, scratch: inout MutableRawSpan) throws

  /// Returns the errors of pruning these tensors by this score.
  func errors(for tensors: [(tensor: LazyTensor, rows: RowGeometry)]) -> [any UserError]
}

extension PruningScore {
  package var isMagnitude: Bool { false }
  package func scratchByteCount(_ tensor: LazyTensor, elementCount: Int) -> Int { 0 }
  package func errors(
    for tensors: [(tensor: LazyTensor, rows: RowGeometry)]
  ) -> [any UserError] { [] }
}
