import Base
import Checkpoints
import LinearAlgebra
import TensorCore

/// The memory layout of a worker while it quantizes a head.
struct HeadSpace: Sendable {
  /// The number of values that are read at once.
  static let blockElementCount = 1 << 16

  /// The number of bytes of the mask of a head.
  let mask: Int
  /// The layout of codes, of a scale and a zero for each cell, and of scratch memory.
  let codes: WorkspaceLayout
  /// The layout of values, sums, the residual, the mask, and scratch memory.
  let layout: WorkspaceLayout

  init(_ shape: GearShape, _ tensor: LazyTensor) {
    let count = shape.slabElementCount
    let slab = FloatReader.byteCount(elementCount: count)
    mask = Kernels.maskByteCount(elementCount: count)
    let scratch = max(
      slab, FloatReader(tensor).scratchByteCount(elementCount: count),
      Kernels.extremesScratchByteCount(
        rows: shape.tokens, columns: shape.dim, alongColumns: true),
      LowRankProduct.scratchByteCount(
        rows: shape.tokens, columns: shape.dim, rank: shape.settings.rank))
    // The ranges of the cells come before their pairs of scale and zero.
    let cells = 8 * shape.slabCellCount
    codes = WorkspaceLayout(count, 2 * cells, scratch: scratch)
    layout = WorkspaceLayout(slab, slab, slab, mask, scratch: codes.byteCount)
  }
}
