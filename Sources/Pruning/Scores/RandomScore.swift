import Base
package import Checkpoints
package import TensorCore

/// A score that is a random number for each weight. It depends only on the tensor's name, the seed and the
/// index of the weight.
package struct RandomScore: PruningScore {
  package var seed: UInt64

  package init(seed: UInt64) { self.seed = seed }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func replace(
    _ values: inout MutableRawSpan, of tensor: LazyTensor, _ rows: RowGeometry,
    _ elements: Range<Int>, scratch: inout MutableRawSpan
  ) {
    Kernels.best.uniforms(
      key: ElementRandom(tensorName: tensor.name, seed: seed).key, start: elements.lowerBound,
      into: &values)
  }
}
