package import Base
import Checkpoints
import Codecs
import Crypto
import PackedFormat
import Synchronization
import TensorCore

/// A tensor of a cache, quantized: codes, scales, outliers and factors of all its heads.
struct GearFit: Sendable {
  let shape: GearShape
  /// What scales and zeros are stored as.
  let scaleDType: DType
  /// Of the products; a power of two.
  let productScale: Float
  /// Slab by slab, of `storedCodeBits` each.
  let codes: SealedBytes
  /// A number for each cell, slab by slab.
  let scales: [Float]
  let zeros: [Float]
  /// A bit for each entry that stays exact, each slab starting at a byte; empty if there are none.
  let masks: SealedBytes
  /// The values that stay exact, in the tensor's dtype, of each slab.
  let kept: [[UInt8]]
  /// Factors as F16: [slabs · tokens, rank] and [slabs · rank, dim].
  let u: [UInt8]
  let v: [UInt8]
  /// Without outliers after each term, and at last of the rounded values.
  let distances: [Distance]
  let contentID: [UInt8]?

  /// What scales are stored as unless they do not fit.
  private static let standardScaleDType = DType.f16

  // MARK: Memory

  /// What is kept of a tensor.
  static func fixedByteCount(_ shape: GearShape) -> Int {
    let count = shape.info.elementCount
    let rank = shape.settings.rank
    return shape.slabCount * (shape.slabCodeByteCount + 8 * shape.slabCellCount)
      + (shape.hasOutliers ? count / 8 + shape.slabCount : 0)
      + shape.mostKeptCount * shape.info.dtype.bitsPerElement / 8
      + 2 * rank * shape.slabCount * (shape.tokens + shape.dim)
      + 2 * TokenSurvey.fixedByteCount(shape)
  }

  static func workerByteCount(_ shape: GearShape, _ tensor: LazyTensor) -> Int {
    let slab = shape.slabElementCount
    return max(
      TokenSurvey.workerByteCount(shape, tensor),
      HeadSpace(shape, tensor).layout.byteCount + shape.mostSlabKeptCount * 8
        + 24 * shape.settings.rank * (shape.tokens + shape.dim) + 8 * shape.slabCellCount
        + (shape.settings.isNearest ? 24 * shape.dim * shape.dim + 4 * slab : 0))
  }

  /// How often all values are read.
  static func passCount(_ shape: GearShape) -> Int { shape.needsTokenSurvey ? 2 : 1 }

  /// - Parameter start: where the power iteration begins, [slabs, rank, dim].
  /// - Throws: an error that names the first value that is not finite, or that leaves the range of float32.
  init(
    _ tensor: LazyTensor, _ shape: GearShape, start: [Float], engine: Engine,
    wantsContentID: Bool
  ) throws {
    let codes = SharedBytes(byteCount: shape.slabCount * shape.slabCodeByteCount)
    let masks = SharedBytes(
      byteCount: shape.hasOutliers ? shape.slabCount * TokenSurvey.maskByteCount(shape) : 0)
    let survey = try TokenSurvey(tensor, shape, masks: masks, engine: engine)
    var (scales, product) = (
      shape.settings.isOfficial
        ? (shape.hasNarrowSteps ? shape.info.dtype : .f32) : Self.standardScaleDType, Float(1)
    )
    func attempt() throws -> GearAttempt {
      try GearAttempt(
        HeadFit.Frame(
          tensor: tensor, shape: shape, survey: survey, scaleDType: scales, productScale: product,
          space: HeadSpace(shape, tensor), codes: codes, masks: masks),
        start: start, engine: engine, wantsContentID: wantsContentID)
    }
    var found = try attempt()
    // The scale of products can be told once all numbers are finite.
    for _ in 0..<2 {
      guard
        let other = found.better(than: scales, product, isOfficial: shape.settings.isOfficial)
      else { break }
      (scales, product) = other
      found = try attempt()
    }
    guard found.isFinite else {
      throw FormatError(
        .cacheTooLarge, "has values so far apart that float32 cannot hold what is between them",
        path: tensor.stored.file, tensor: tensor.name,
        hint: "keys and values of a model stay far below; check where the cache comes from")
    }
    self.shape = shape
    scaleDType = scales
    productScale = product
    self.codes = codes.sealed()
    self.masks = masks.sealed()
    self.scales = found.scales
    zeros = found.zeros
    kept = found.kept
    u = found.u
    v = found.v
    distances = found.distances
    contentID = found.contentID
  }
}

extension FormatError.Code {
  /// Values of a cache differ by more than float32 holds.
  package static let cacheTooLarge = FormatError.Code(
    "cache.too-large",
    meaning: "Values of a cache are too large for the scales or factors of its packing.",
    remedy: "Pack with another method or more bits, or keep the cache as it is.")
}
