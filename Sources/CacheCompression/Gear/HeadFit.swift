import Base
import Checkpoints
import LinearAlgebra
import PackedFormat
import TensorCore

/// The quantization of one head of a cache, [tokens, dim], which is a slab of its tensor.
struct HeadFit: Sendable {
  private(set) var scales: [Float] = []
  private(set) var zeros: [Float] = []
  /// The values that stay exact, in the tensor's dtype.
  private(set) var kept: [UInt8] = []
  /// The factor U in F16, [tokens, rank].
  private(set) var u: [UInt8] = []
  /// The factor V in F16, [rank, dim].
  private(set) var v: [UInt8] = []
  /// The largest magnitude in V.
  private(set) var largestFactor: Float = 0
  /// The distances from the given values: after each term if there are no outliers, and last for the rounded values.
  private(set) var distances: [Distance] = []

  private let frame: Frame
  private let slab: Int
  private var shape: GearShape { frame.shape }
  /// The values of `kept` in F32.
  private var keptFloats: [Float] = []
  /// The number of kept values before each block.
  private var keptStarts: [Int] = []

  private init(_ frame: Frame, slab: Int) {
    self.frame = frame
    self.slab = slab
  }

  /// Quantizes a head.
  ///
  /// - Parameters:
  ///   - frame: The data that all heads share.
  ///   - slab: The index of the head over all batch items.
  ///   - start: The start matrix of the power iteration, [rank, dim].
  ///   - workspace: Memory as laid out by `HeadSpace`.
  ///   - result: Receives the values that the terms represent, in the tensor's dtype.
  @_lifetime(workspace: copy workspace)
  init(
    _ frame: Frame, slab: Int, start: [Float], workspace: inout MutableRawSpan,
    _ result: (borrowing RawSpan) throws -> Void
  ) throws {
    var found = HeadFit(frame, slab: slab)
    let space = frame.space
    try space.layout.withSpans(of: &workspace) { values, sums, residual, mask, rest in
      try found.read(into: &values, scratch: &rest)
      found.markOutliers(values.bytes, in: &mask, scratch: &rest)
      space.codes.withSpans(of: &rest) { codes, pairs, scratch in
        found.quantize(
          values.bytes, mask.bytes, into: &sums, &residual, &codes, &pairs, scratch: &scratch)
      }
      if frame.shape.settings.rank > 0 {
        found.findFactors(&residual, start: start, scratch: &rest)
      }
      try found.finish(values.bytes, mask.bytes, &sums, &residual, scratch: &rest, result)
    }
    self = found
  }

  // MARK: Values

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func read(into values: inout MutableRawSpan, scratch: inout MutableRawSpan) throws {
    let first = slab * shape.slabElementCount
    let size = max(1, HeadSpace.blockElementCount / max(1, shape.dim)) * shape.dim
    for start in stride(from: 0, to: shape.slabElementCount, by: max(1, size)) {
      let end = min(shape.slabElementCount, start + size)
      var target = values._mutatingExtracting(4 * start..<4 * end)
      try FloatReader(frame.tensor).read(
        first + start..<first + end, into: &target, scratch: &scratch)
    }
  }

  /// Sets the bits of the entries that stay exact.
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  private func markOutliers(
    _ values: borrowing RawSpan, in mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    guard shape.hasOutliers else { return }
    let byteOffset = slab * frame.space.mask
    guard shape.part == .key else {
      return frame.masks.read(byteOffset..<byteOffset + frame.space.mask, into: &mask)
    }
    mask.fill()
    Kernels.best.markExtremes(
      shape.extremeCount, of: values, rows: shape.tokens, columns: shape.dim,
      alongColumns: true, in: &mask, scratch: &scratch)
    let tail = (shape.tokens - shape.exactTail) * shape.dim
    for bit in tail..<shape.slabElementCount { mask.setBits(1 << UInt8(bit % 8), at: bit / 8) }
    frame.masks.put(mask.bytes, at: byteOffset)
  }

  /// Returns the range of mask bytes of a block, which starts at a byte.
  private func maskBytes(_ elements: Range<Int>) -> Range<Int> {
    elements.lowerBound / 8..<(elements.upperBound + 7) / 8
  }

  private func elements(_ tokens: Range<Int>) -> Range<Int> {
    tokens.lowerBound * shape.dim..<tokens.upperBound * shape.dim
  }

  // MARK: Terms

  /// Finds codes and kept values block by block, and computes the values that they represent and the residual.
  @_lifetime(sums: copy sums)
  @_lifetime(residual: copy residual)
  @_lifetime(codes: copy codes)
  @_lifetime(pairs: copy pairs)
  @_lifetime(scratch: copy scratch)
  private mutating func quantize(
    _ values: borrowing RawSpan, _ mask: borrowing RawSpan, into sums: inout MutableRawSpan,
    _ residual: inout MutableRawSpan, _ codes: inout MutableRawSpan,
    _ pairs: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    var distance = Distance()
    for tokens in shape.blocks {
      let elements = elements(tokens)
      let bytes = 4 * elements.lowerBound..<4 * elements.upperBound
      let given = values.extracting(bytes)
      var sum = sums._mutatingExtracting(bytes)
      var code = codes._mutatingExtracting(elements)
      sum.copy(given)
      if shape.hasOutliers {
        Kernels.best.exclude(masked: mask.extracting(maskBytes(elements)), from: &sum)
      }
      encode(tokens, given, &sum, &code, &pairs)
      if shape.hasOutliers {
        let bits = mask.extracting(maskBytes(elements))
        let count = Kernels.best.count(ofMask: bits, elementCount: elements.count)
        Kernels.best.gather(given, width: 4, mask: bits, into: &scratch)
        let floats = scratch.bytes.extracting(0..<4 * count)
        Kernels.best.replace(floats, width: 4, mask: bits, in: &sum)
        keptStarts.append(keptFloats.count)
        keptFloats += floats.floats()
      } else {
        // With outliers the error before they replace values has no meaning.
        Kernels.best.addDistance(of: given, from: sum.bytes, to: &distance)
      }
      if shape.settings.rank > 0 {
        var left = residual._mutatingExtracting(bytes)
        Kernels.best.subtract(sum.bytes, from: given, into: &left)
      }
    }
    if !shape.hasOutliers { distances.append(distance) }
    let floats = keptFloats
    kept =
      shape.info.dtype == .f32
      ? floats.rawSpan.array()
      : HalfPrecision.converted(
        floats.rawSpan, from: .f32, to: shape.info.dtype, count: floats.count)
    if shape.storedCodeBits == 8 {
      frame.codes.put(codes.bytes, at: slab * shape.slabCodeByteCount)
    } else {
      var packed = scratch._mutatingExtracting(0..<shape.slabCodeByteCount)
      Kernels.best.pack(codes.bytes, bits: shape.storedCodeBits, into: &packed)
      frame.codes.put(packed.bytes, at: slab * shape.slabCodeByteCount)
    }
  }

  /// Encodes a block, and replaces its values in `sums` by those that the codes represent.
  @_lifetime(sums: copy sums)
  @_lifetime(codes: copy codes)
  @_lifetime(pairs: copy pairs)
  private mutating func encode(
    _ tokens: Range<Int>, _ values: borrowing RawSpan, _ sums: inout MutableRawSpan,
    _ codes: inout MutableRawSpan, _ pairs: inout MutableRawSpan
  ) {
    let grouping = shape.grouping(of: tokens)
    let cells = grouping.cellCount(elementCount: codes.byteCount)
    var found: [Float] = []
    pairs.split(at: 8 * cells) { ranges, rest in
      var pairs = rest._mutatingExtracting(0..<8 * cells)
      if shape.settings.isOfficial, shape.part == .value {
        let shared = frame.survey.pairs(ofSlab: slab)
        pairs.copy(shared.rawSpan)
      } else {
        if shape.settings.isOfficial, shape.hasOutliers {
          OfficialKeys.fill(&sums, values, shape)
        }
        Kernels.best.keptRanges(sums.bytes, grouping, into: &ranges)
        if shape.hasNarrowSteps, frame.scaleDType != .f32 {
          OfficialKeys.pairs(
            ranges.bytes, steps: shape.steps, dtype: frame.scaleDType, into: &pairs)
        } else {
          Kernels.best.rangePairs(
            ranges.bytes, steps: shape.steps, dtype: frame.scaleDType == .f16 ? .f16 : .f32,
            into: &pairs)
        }
      }
      let steps = shape.hasNarrowSteps ? frame.scaleDType : .f32
      if steps == .f32 {
        Kernels.best.affineEncode(
          sums.bytes, grouping, pairs: pairs.bytes, bits: shape.codeBits, zero: .float,
          into: &codes)
      } else {
        OfficialKeys.encode(
          sums.bytes, shape, pairs: pairs.bytes, dtype: steps, into: &codes)
      }
      Kernels.best.affineDecode(
        codes.bytes, grouping, pairs: pairs.bytes, zero: .float, stepsDType: steps, into: &sums)
      found = pairs.bytes.floats()
    }
    scales += found[..<cells]
    zeros += found[cells...]
  }

  /// Finds the low-rank product that approximates the residual.
  @_lifetime(residual: copy residual)
  @_lifetime(scratch: copy scratch)
  private mutating func findFactors(
    _ residual: inout MutableRawSpan, start: [Float], scratch: inout MutableRawSpan
  ) {
    // Residuals far from 1 are scaled by a power of two so that their squares stay in the range of float32.
    let largest = scales.reduce(0) { max($0, $1.magnitude) }
    // The exponent is limited so that the power and its inverse are both normal numbers.
    let exponent = largest > 0 && largest.isFinite ? max(-126, min(126, Int(largest.exponent))) : 0
    let isFar = abs(exponent) > 30
    if isFar {
      let factor: [Float] = [Float(sign: .plus, exponent: -exponent, significand: 1)]
      let whole = Grouping(dimensions: [shape.slabElementCount], axis: 0, size: 0, start: 0)
      Kernels.best.multiply(inPlace: &residual, whole, byScales: factor.rawSpan)
    }
    let settings = shape.settings
    let product =
      settings.isNearest
      ? LowRankProduct(
        nearestTo: residual.bytes, rows: shape.tokens, columns: shape.dim, rank: settings.rank,
        scratch: &scratch)
      : LowRankProduct(
        iterating: settings.roundCount, residual.bytes, rows: shape.tokens, columns: shape.dim,
        rank: settings.rank, start: start, scratch: &scratch)
    var right = product.v
    if isFar {
      let factor = Float(sign: .plus, exponent: exponent, significand: 1)
      right = right.map { $0 * factor }
    }
    largestFactor = right.reduce(0) { max($0, $1.magnitude) }
    u = HalfPrecision.halves(product.u, over: 1)
    v = HalfPrecision.halves(right, over: frame.productScale)
  }

  // MARK: Sums

  /// Adds the product and the outliers block by block, rounds the sums to the tensor's dtype, and measures their
  /// distance from the given values.
  @_lifetime(sums: copy sums)
  @_lifetime(rounded: copy rounded)
  @_lifetime(scratch: copy scratch)
  private mutating func finish(
    _ values: borrowing RawSpan, _ mask: borrowing RawSpan, _ sums: inout MutableRawSpan,
    _ rounded: inout MutableRawSpan, scratch: inout MutableRawSpan,
    _ result: (borrowing RawSpan) throws -> Void
  ) throws {
    let (rank, dtype) = (shape.settings.rank, shape.info.dtype)
    let factors = (u: u, v: v)
    let left = HalfPrecision.floats(factors.u.rawSpan)
    let right = HalfPrecision.floats(factors.v.rawSpan)
    // The authors' simulation adds the product last.
    let putsBack = shape.hasOutliers && rank > 0 && !shape.settings.isOfficial
    let floats = keptFloats
    var (before, after) = (Distance(), Distance())
    for (number, tokens) in shape.blocks.enumerated() {
      let elements = elements(tokens)
      let bytes = 4 * elements.lowerBound..<4 * elements.upperBound
      var sum = sums._mutatingExtracting(bytes)
      if rank > 0 {
        Kernels.best.addLowRank(
          u: left.rawSpan.extracting(
            4 * rank * tokens.lowerBound..<4 * rank * tokens.upperBound),
          v: right.rawSpan, stride: shape.dim, rows: tokens.count, columns: shape.dim,
          rank: rank, scale: frame.productScale, to: &sum)
      }
      if putsBack {
        Kernels.best.replace(
          floats.rawSpan.extracting((4 * keptStarts[number])...), width: 4,
          mask: mask.extracting(maskBytes(elements)), in: &sum)
      }
      let given = values.extracting(bytes)
      if !shape.hasOutliers, rank > 0 {
        Kernels.best.addDistance(of: given, from: sum.bytes, to: &before)
      }
      if dtype != .f32 {
        var target = rounded._mutatingExtracting(
          2 * elements.lowerBound..<2 * elements.upperBound)
        Kernels.best.roundSums(sum.bytes, to: dtype, into: &target, scratch: &scratch)
        try Kernels.best.convert(
          target.bytes, from: dtype, to: .f32, elementCount: elements.count, saturating: false,
          into: &sum)
      }
      Kernels.best.addDistance(of: given, from: sum.bytes, to: &after)
    }
    if !shape.hasOutliers, rank > 0 { distances.append(before) }
    distances.append(after)
    guard dtype != .f32 else { return try result(sums.bytes) }
    try result(rounded.bytes.extracting(0..<2 * shape.slabElementCount))
  }
}
