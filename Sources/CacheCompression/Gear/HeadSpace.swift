import Base
import Checkpoints
import TensorCore

/// Parts of a worker's memory while it fits a head.
struct HeadSpace: Sendable {
  let slab: Int
  let mask: Int
  let cells: Int
  let scratch: Int

  init(_ shape: GearShape, _ tensor: LazyTensor) {
    let count = shape.slabElementCount
    slab = 4 * count
    mask = Kernels.maskByteCount(elementCount: count)
    cells = 8 * shape.slabCellCount
    scratch = max(
      slab, tensor.source.scratchByteCount(elementCount: count) + slab,
      Kernels.extremesScratchByteCount(
        rows: shape.tokens, columns: shape.dim, alongColumns: true),
      HeadProduct.scratchByteCount(
        tokens: shape.tokens, dim: shape.dim, rank: shape.settings.rank))
  }

  /// Values, sums, a residual, codes, a mask, ranges, pairs, and scratch memory.
  var total: Int { 3 * slab + slab / 4 + mask + 2 * cells + scratch }
}
