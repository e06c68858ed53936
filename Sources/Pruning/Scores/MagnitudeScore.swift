import Base
package import Checkpoints
package import TensorCore

/// A score that is the magnitude |w| of a weight.
package struct MagnitudeScore: PruningScore {
  package init() {}

  package var isMagnitude: Bool { true }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func replace(
    _ values: inout MutableRawSpan, of tensor: LazyTensor, _ rows: RowGeometry,
    _ elements: Range<Int>, scratch: inout MutableRawSpan
  ) {}
}
