import Base
import Caches
package import Checkpoints
import Codecs
package import PackedFormat
package import Packing
import TensorCore

/// An encoding that stores a tensor of a cache, of shape [batch, kv heads, tokens, head dim], as in GEAR.
///
/// The terms are a dense term of codes, a low-rank product for each head, and outliers that replace the values at
/// their positions.
package struct GearEncoding: TensorEncoding {
  package let settings: GearSettings
  package let part: CachePart
  /// The start matrices of the power iteration, [batch, kv heads, head dim, rank] in F32.
  ///
  /// If nil, they are drawn from a random stream that is determined by the tensor's name.
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

  /// Returns the reason why a tensor cannot be stored with these settings; nil if it can.
  static func fault(
    _ info: TensorInfo, _ part: CachePart, _ settings: GearSettings
  ) -> GearFault? {
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
        shape.maximumKeptCount * tensor.info.dtype.bitsPerElement / 8
        + min(
          tensor.info.elementCount / 8 + grid.count,
          Kernels.maximumGapByteCount(
            positionCount: shape.maximumKeptCount, elementCount: tensor.info.elementCount)
            + grid.count)
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

  /// Returns the start matrices of all heads, [slabs, rank, dim]; empty if the rank is 0.
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
