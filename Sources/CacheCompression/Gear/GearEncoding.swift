package import Base
import Caches
package import Checkpoints
import Codecs
package import PackedFormat
package import Packing
package import TensorCore

/// Stores a tensor of a cache [batch, kv heads, tokens, head dim] as GEAR has it: a dense term of codes, a
/// product of low rank for each head, and outliers that replace what they lie on.
package struct GearEncoding: TensorEncoding {
  package let settings: GearSettings
  package let part: CachePart
  /// Where the power iteration begins, [batch, kv heads, head dim, rank] in F32; drawn from the tensor's name
  /// if nil.
  package let start: LazyTensor?

  package init(_ settings: GearSettings, part: CachePart, start: LazyTensor? = nil) {
    self.settings = settings
    self.part = part
    self.start = start
  }

  package var label: String {
    var label = "int\(settings.bits)"
    if settings.rank > 0 { label += " + lowrank:\(settings.rank)" }
    if settings.outlierShare > 0 { label += " + sparse" }
    return label
  }

  /// Why a tensor cannot be stored so; nil if it can.
  package static func fault(
    _ info: TensorInfo, _ part: CachePart, _ settings: GearSettings
  ) -> Message? {
    GearShape(info, part, settings).fault
  }

  private func shape(_ info: TensorInfo) -> GearShape { GearShape(info, part, settings) }

  package func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan {
    let shape = shape(tensor.info)
    let grid = tensor.info.grid
    let layout = grid.count > 0 ? ChunkLayout(tensor.info, chunk: 0) : nil
    let codec = shape.codec(scales: .f32, packing: .bytes)
    var plan = EncodingPlan(
      byteCount: 0, isExact: false,
      workerByteCount: max(
        GearFit.workerByteCount(shape, tensor),
        layout.map { PreparedGear.workspaceByteCount(shape, codec, encoder, $0) } ?? 0),
      fixedByteCount: GearFit.fixedByteCount(shape), chunkCount: grid.count,
      passCount: GearFit.passCount(shape))
    for chunk in 0..<grid.count {
      plan.byteCount += encoder.mostByteCount(codec, ChunkLayout(tensor.info, chunk: chunk))
    }
    if settings.rank > 0 {
      for factor in PreparedGear.factorShapes(shape) {
        plan.chunkCount += ChunkGrid(dtype: .f16, shape: factor).count
        plan.byteCount += 2 * factor.elementCount
      }
    }
    if shape.hasOutliers {
      plan.chunkCount += grid.count
      plan.byteCount +=
        shape.mostKeptCount * tensor.info.dtype.bitsPerElement / 8
        + min(
          tensor.info.elementCount / 8 + grid.count,
          Kernels.maximumGapByteCount(
            positionCount: shape.mostKeptCount, elementCount: tensor.info.elementCount) + grid.count
        )
        + 64 * grid.count
    }
    plan.indexByteCount = 512
    plan.fixedByteCount += 64 * plan.chunkCount
    return plan
  }

  package func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding {
    let shape = shape(tensor.info)
    let fit = try GearFit(
      tensor, shape, start: try startVectors(shape), engine: engine,
      wantsContentID: wantsContentID)
    return PreparedGear(tensor: tensor, fit: fit, encoder: encoder)
  }

  /// [slabs, rank, dim].
  private func startVectors(_ shape: GearShape) throws -> [Float] {
    let size = settings.rank * shape.dim
    guard size > 0 else { return [] }
    guard let start else {
      let random = ElementRandom(tensorName: shape.info.name, seed: 0)
      var buffer = ByteBuffer(byteCount: 4 * shape.slabCount * size)
      var span = buffer.mutableBytes
      Kernels.best.uniforms(key: random.key, start: 0, into: &span)
      return span.bytes.floats()
    }
    let bytes = try FiniteSource.tensor(start).bytes()
    let given = bytes.rawSpan.floats()
    var vectors = given
    for slab in 0..<shape.slabCount {
      for channel in 0..<shape.dim {
        for vector in 0..<settings.rank {
          vectors[slab * size + vector * shape.dim + channel] =
            given[slab * size + channel * settings.rank + vector]
        }
      }
    }
    return vectors
  }
}
