import Base
import Checkpoints
import LinearAlgebra
import TensorCore

/// Parts of a worker's memory while it fits a head.
struct HeadSpace: Sendable {
  /// Values that are read at once.
  static let blockElementCount = 1 << 16

  /// Bytes of a mask of the head.
  let mask: Int
  /// Codes, pairs of a scale and a zero for each cell, and scratch memory.
  let codes: WorkspaceLayout
  /// Values, sums, a residual, a mask, and scratch memory.
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
    // Ranges come before pairs.
    let cells = 8 * shape.slabCellCount
    codes = WorkspaceLayout(count, 2 * cells, scratch: scratch)
    layout = WorkspaceLayout(slab, slab, slab, mask, scratch: codes.byteCount)
  }
}
