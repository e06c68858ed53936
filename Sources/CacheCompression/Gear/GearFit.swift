package import Base
import Checkpoints
import Codecs
import Crypto
import PackedFormat
import Synchronization
import TensorCore

/// A quantized tensor of a cache: the codes, scales, outliers and factors of all its heads.
struct GearFit: Sendable {
  let shape: GearShape
  /// The dtype of stored scales and zeros.
  let scaleDType: DType
  /// The scale of the products; a power of two.
  let productScale: Float
  /// The codes, slab by slab, with `storedCodeBits` bits each.
  let codes: SealedBytes
  /// The scale of each cell, slab by slab.
  let scales: [Float]
  /// The zero of each cell, slab by slab.
  let zeros: [Float]
  /// A mask with a bit for each entry, set if it stays exact; each slab starts at a byte. Empty if there are none.
  let masks: SealedBytes
  /// The values of each slab that stay exact, in the tensor's dtype.
  let kept: [[UInt8]]
  /// The factors U in F16, [slabs · tokens, rank].
  let u: [UInt8]
  /// The factors V in F16, [slabs · rank, dim].
  let v: [UInt8]
  /// The distances from the given values: after each term if there are no outliers, and last for the rounded values.
  let distances: [Distance]
  let contentID: [UInt8]?

  /// The dtype of stored scales that is tried first.
  private static let defaultScaleDType = DType.f16

  // MARK: Memory

  /// Returns the number of bytes that a quantized tensor keeps in memory.
  static func fixedByteCount(_ shape: GearShape) -> Int {
    let count = shape.info.elementCount
    let rank = shape.settings.rank
    return shape.slabCount * (shape.slabCodeByteCount + 8 * shape.slabCellCount)
      + (shape.hasOutliers ? count / 8 + shape.slabCount : 0)
      + shape.maximumKeptCount * shape.info.dtype.bitsPerElement / 8
      + 2 * rank * shape.slabCount * (shape.tokens + shape.dim)
      + 2 * TokenSurvey.fixedByteCount(shape)
  }

  /// Returns the number of bytes that a worker needs to quantize a tensor.
  static func workerByteCount(_ shape: GearShape, _ tensor: LazyTensor) -> Int {
    let slab = shape.slabElementCount
    return max(
      TokenSurvey.workerByteCount(shape, tensor),
      HeadSpace(shape, tensor).layout.byteCount + shape.maximumSlabKeptCount * 8
        + 24 * shape.settings.rank * (shape.tokens + shape.dim) + 8 * shape.slabCellCount
        + (shape.settings.isNearest ? 24 * shape.dim * shape.dim + 4 * slab : 0))
  }

  /// Returns the number of times that all values are read.
  static func passCount(_ shape: GearShape) -> Int { shape.needsTokenSurvey ? 2 : 1 }

  /// Quantizes a tensor.
  ///
  /// - Parameters:
  ///   - tensor: The tensor to quantize.
  ///   - shape: The groups and counts of the quantization.
  ///   - start: The start matrices of the power iteration, [slabs, rank, dim].
  ///   - engine: The engine that runs the workers.
  ///   - wantsContentID: True to compute the SHA-256 of the values that the terms represent.
  /// - Throws: `FormatError` with the first value that is not finite, or if results exceed the range of float32.
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
        ? (shape.hasNarrowSteps ? shape.info.dtype : .f32) : Self.defaultScaleDType, Float(1)
    )
    func attempt() throws -> GearAttempt {
      try GearAttempt(
        HeadFit.Frame(
          tensor: tensor, shape: shape, survey: survey, scaleDType: scales, productScale: product,
          space: HeadSpace(shape, tensor), codes: codes, masks: masks),
        start: start, engine: engine, wantsContentID: wantsContentID)
    }
    var found = try attempt()
    // The scale of products can be determined only once all numbers are finite.
    for _ in 0..<2 {
      guard
        let other = found.better(than: scales, product, isOfficial: shape.settings.isOfficial)
      else { break }
      (scales, product) = other
      found = try attempt()
    }
    guard found.isFinite else {
      throw FormatError(
        .cacheTooLarge, "has values whose differences exceed the range of float32",
        path: tensor.stored.file, tensor: tensor.name,
        hint: "check the program that wrote the cache; a model computes much smaller values")
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
  /// The differences of values in a cache exceed the range of float32.
  package static let cacheTooLarge = FormatError.Code(
    "cache.too-large",
    meaning: "Values of a cache are too large for the scales or factors of its packing.",
    remedy: "Pack with another method or more bits, or keep the cache as it is.")
}
