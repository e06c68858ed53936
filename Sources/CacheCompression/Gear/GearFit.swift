import Checkpoints
import Codecs
import Crypto
import PackedFormat
import Synchronization
package import TensorCore

/// A tensor of a cache, quantized: codes, scales, outliers and factors of all its heads.
struct GearFit: Sendable {
  let shape: GearShape
  /// What scales and zeros are stored as.
  let scaleDType: DType
  /// Of the products; a power of two.
  let productScale: Float
  /// A byte each.
  let codes: [UInt8]
  /// A number for each cell, slab by slab.
  let scales: [Float]
  let zeros: [Float]
  /// A bit for each entry that stays exact, each slab starting at a byte; empty if there are none.
  let masks: [UInt8]
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
    return count + 8 * shape.slabCount * shape.slabCellCount
      + (shape.hasOutliers ? count / 8 + shape.slabCount : 0)
      + 12 * rank * shape.slabCount * (shape.tokens + shape.dim)
      + 2 * TokenSurvey.fixedByteCount(shape)
  }

  static func workerByteCount(_ shape: GearShape, _ tensor: LazyTensor) -> Int {
    let slab = shape.slabElementCount
    return max(
      TokenSurvey.workerByteCount(shape, tensor),
      Space(shape, tensor).total + slab
        + 24 * shape.settings.rank * (shape.tokens + shape.dim) + 8 * shape.slabCellCount
        + (shape.settings.isNearest ? 24 * shape.dim * shape.dim + 4 * slab : 0))
  }

  /// How often all values are read.
  static func passCount(_ shape: GearShape) -> Int { shape.needsTokenSurvey ? 2 : 1 }

  /// Parts of a worker's memory.
  private struct Space {
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

  // MARK: Fitting

  /// What is found of a head.
  private struct Slab: Sendable {
    var codes: [UInt8]
    var pairs: [Float]
    var mask: [UInt8]
    var u: [Float] = []
    var v: [Float] = []
    var distances: [Distance] = []
  }

  private struct Store: Sendable {
    var codes: [UInt8]
    var scales: [Float]
    var zeros: [Float]
    var masks: [UInt8]
    var u: [Float]
    var v: [Float]
    var distances: [[Distance]]

    init(_ shape: GearShape) {
      let slabs = shape.slabCount
      let rank = shape.settings.rank
      codes = [UInt8](repeating: 0, count: shape.info.elementCount)
      scales = [Float](repeating: 0, count: slabs * shape.slabCellCount)
      zeros = scales
      masks = [UInt8](
        repeating: 0, count: shape.hasOutliers ? slabs * TokenSurvey.maskByteCount(shape) : 0)
      u = [Float](repeating: 0, count: slabs * shape.tokens * rank)
      v = [Float](repeating: 0, count: slabs * rank * shape.dim)
      distances = Array(repeating: [], count: slabs)
    }

    mutating func keep(_ found: Slab, _ slab: Int, _ shape: GearShape) {
      func put<Element>(_ values: [Element], _ target: inout [Element]) {
        target.replaceSubrange(slab * values.count..<(slab + 1) * values.count, with: values)
      }
      put(found.codes, &codes)
      let cells = shape.slabCellCount
      put(Array(found.pairs[..<cells]), &scales)
      put(Array(found.pairs[cells..<2 * cells]), &zeros)
      if shape.hasOutliers { put(found.mask, &masks) }
      if shape.settings.rank > 0 {
        put(found.u, &u)
        put(found.v, &v)
      }
      distances[slab] = found.distances
    }
  }

  /// - Parameter start: where the power iteration begins, [slabs, rank, dim].
  /// - Throws: an error that names the first value that is not finite, or that leaves the range of float32.
  init(
    _ tensor: LazyTensor, _ shape: GearShape, start: [Float], engine: Engine,
    wantsContentID: Bool
  ) throws {
    let survey = try TokenSurvey(tensor, shape, engine: engine)
    var (scales, product) = (
      shape.settings.isOfficial
        ? (shape.hasNarrowSteps ? shape.info.dtype : .f32) : Self.standardScaleDType, Float(1)
    )
    var attempt = try Attempt(
      tensor, shape, survey, start: start, scales: scales, product: product, engine: engine,
      wantsContentID: wantsContentID)
    if let other = attempt.better(than: scales, product, isOfficial: shape.settings.isOfficial) {
      (scales, product) = other
      attempt = try Attempt(
        tensor, shape, survey, start: start, scales: scales, product: product, engine: engine,
        wantsContentID: wantsContentID)
    }
    let store = attempt.store
    let values = [store.scales, store.zeros, store.v]
    guard values.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw FormatError(
        .tooLarge, "has values so far apart that float32 cannot hold what is between them",
        path: tensor.stored.file, tensor: tensor.name)
    }
    self.shape = shape
    scaleDType = scales
    productScale = product
    codes = store.codes
    self.scales = store.scales
    zeros = store.zeros
    masks = store.masks
    u = Self.halves(store.u, over: 1)
    v = Self.halves(store.v, over: product)
    var sums = store.distances.first ?? []
    for found in store.distances.dropFirst() {
      for place in sums.indices { sums[place].add(found[place]) }
    }
    distances = sums
    contentID = attempt.contentID
  }

  /// All heads with one choice of what is stored.
  private struct Attempt {
    let store: Store
    let contentID: [UInt8]?

    init(
      _ tensor: LazyTensor, _ shape: GearShape, _ survey: TokenSurvey, start: [Float],
      scales: DType, product: Float, engine: Engine, wantsContentID: Bool
    ) throws {
      let store = Mutex(Store(shape))
      let hash = Mutex(SHA256())
      let turnstile = Turnstile()
      let space = Space(shape, tensor)
      try engine.forEachPiece(
        count: shape.slabCount, workspaceByteCount: space.total, onFailure: turnstile.abandon
      ) { slab, workspace in
        let size = shape.settings.rank * shape.dim
        let found = try GearFit.fit(
          tensor, shape, survey, slab, start: Array(start[slab * size..<(slab + 1) * size]),
          scales: scales, product: product, space, workspace: &workspace
        ) { values in
          guard wantsContentID else { return }
          try turnstile.pass(slab) { hash.withLock { $0.update(values) } }
        }
        store.withLock { $0.keep(found, slab, shape) }
        engine.progress.advance(
          byteCount: shape.info.dtype.byteCount(of: shape.slabElementCount) ?? 0)
      }
      self.store = store.withLock { $0 }
      contentID = wantsContentID ? Array(hash.withLock { $0 }.finalize()) : nil
    }

    /// Another choice, if numbers do not fit this one.
    func better(than dtype: DType, _ product: Float, isOfficial: Bool) -> (DType, Float)? {
      var result = (dtype, product)
      let largest = store.scales.reduce(0) { max($0, $1.magnitude) }
      let fits =
        largest.isFinite && store.zeros.allSatisfy(\.isFinite)
        && (largest == 0 || largest >= 0x1p-10)
      if dtype != .f32, !isOfficial || !largest.isFinite, !fits { result.0 = .f32 }
      let most = store.v.reduce(0) { max($0, $1.magnitude) }
      if most > 0, most.isFinite, most > 60_000 || most < 0x1p-8 {
        result.1 = Float(sign: .plus, exponent: most.exponent, significand: 1)
      }
      return result.0 == dtype && result.1 == product ? nil : result
    }
  }

  // MARK: A head

  private static func fit(
    _ tensor: LazyTensor, _ shape: GearShape, _ survey: TokenSurvey, _ slab: Int,
    start: [Float], scales: DType, product: Float, _ space: Space,
    workspace: inout MutableRawSpan, _ result: (borrowing RawSpan) throws -> Void
  ) throws -> Slab {
    let count = shape.slabElementCount
    return try workspace.split(at: space.slab) { values, rest in
      try rest.split(at: space.slab) { sums, rest in
        try rest.split(at: space.slab) { residual, rest in
          try rest.split(at: count) { codes, rest in
            try rest.split(at: space.mask) { mask, rest in
              try rest.split(at: 2 * space.cells) { pairs, scratch in
                try FloatReading.read(
                  tensor, slab * count..<(slab + 1) * count, into: &values, scratch: &scratch)
                sums.copy(values.bytes)
                takeOutliers(shape, survey, slab, from: &sums, &mask, scratch: &scratch)
                var found = quantize(
                  shape, survey, slab, values.bytes, &sums, mask.bytes, scales: scales, &codes,
                  &pairs)
                found.mask = shape.hasOutliers ? mask.bytes.array() : []
                // What lies under outliers is nothing to measure.
                if !shape.hasOutliers { Self.measure(values.bytes, sums.bytes, into: &found) }
                if shape.settings.rank > 0 {
                  addProduct(
                    shape, start, product, values.bytes, mask.bytes, to: &sums, &residual,
                    &found, scratch: &scratch)
                }
                if !shape.settings.isOfficial || shape.settings.rank == 0 {
                  replace(shape, values.bytes, mask.bytes, in: &sums, scratch: &scratch)
                }
                try finish(
                  shape, values.bytes, &sums, &residual, &found, scratch: &scratch, result)
                return found
              }
            }
          }
        }
      }
    }
  }

  private static func measure(
    _ values: borrowing RawSpan, _ sums: borrowing RawSpan, into found: inout Slab
  ) {
    var distance = Distance()
    Kernels.best.addDistance(of: values, from: sums, to: &distance)
    found.distances.append(distance)
  }

  /// Makes NaN of outliers, and marks them.
  @_lifetime(sums: copy sums)
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  private static func takeOutliers(
    _ shape: GearShape, _ survey: TokenSurvey, _ slab: Int, from sums: inout MutableRawSpan,
    _ mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    guard shape.hasOutliers else { return }
    switch shape.part {
    case .key:
      let tail = shape.exactTail
      let rows = shape.tokens - tail
      Kernels.best.takeExtremes(
        shape.extremeCount, of: &sums, rows: shape.tokens, columns: shape.dim,
        alongColumns: true, scratch: &scratch)
      for place in rows * shape.dim..<shape.tokens * shape.dim {
        sums.storeLittleEndian(Float.nan.bitPattern, at: 4 * place)
      }
      Kernels.best.nanMask(of: sums.bytes, into: &mask)
    case .value:
      let bits = Array(survey.mask(ofSlab: slab))
      mask.copy(bits.rawSpan)
      set(&sums, at: mask.bytes, to: .nan, scratch: &scratch)
    }
  }

  /// Sets the values at the places of a mask.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private static func set(
    _ values: inout MutableRawSpan, at mask: borrowing RawSpan, to value: Float,
    scratch: inout MutableRawSpan
  ) {
    let count = Kernels.best.count(ofMask: mask, elementCount: values.byteCount / 4)
    for place in 0..<count { scratch.storeLittleEndian(value.bitPattern, at: 4 * place) }
    Kernels.best.replace(
      scratch.bytes.extracting(0..<4 * count), width: 4, mask: mask, in: &values)
  }

  /// Codes of `sums`, in whose place come the values that these stand for.
  @_lifetime(sums: copy sums)
  @_lifetime(codes: copy codes)
  @_lifetime(pairs: copy pairs)
  private static func quantize(
    _ shape: GearShape, _ survey: TokenSurvey, _ slab: Int, _ values: borrowing RawSpan,
    _ sums: inout MutableRawSpan, _ mask: borrowing RawSpan, scales: DType,
    _ codes: inout MutableRawSpan, _ pairs: inout MutableRawSpan
  ) -> Slab {
    let grouping = shape.grouping
    let cells = shape.slabCellCount
    var kept: [Float] = []
    pairs.split(at: 8 * cells) { ranges, pairs in
      if shape.settings.isOfficial, shape.part == .value {
        let shared = survey.pairs(ofSlab: slab)
        pairs.copy(shared.rawSpan)
      } else {
        if shape.settings.isOfficial, shape.hasOutliers {
          OfficialKeys.fill(&sums, values, shape)
        }
        Kernels.best.keptRanges(sums.bytes, grouping, into: &ranges)
        if shape.hasNarrowSteps, scales != .f32 {
          OfficialKeys.pairs(ranges.bytes, steps: shape.steps, dtype: scales, into: &pairs)
        } else {
          Kernels.best.rangePairs(
            ranges.bytes, steps: shape.steps, dtype: scales == .f16 ? .f16 : .f32, into: &pairs)
        }
      }
      let steps = shape.hasNarrowSteps ? scales : .f32
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
      kept = pairs.bytes.extracting(0..<8 * cells).floats
    }
    return Slab(codes: codes.bytes.array(), pairs: kept, mask: [])
  }

  /// Adds the product that is near what is left.
  @_lifetime(sums: copy sums)
  @_lifetime(residual: copy residual)
  @_lifetime(scratch: copy scratch)
  private static func addProduct(
    _ shape: GearShape, _ start: [Float], _ product: Float, _ values: borrowing RawSpan,
    _ mask: borrowing RawSpan, to sums: inout MutableRawSpan, _ residual: inout MutableRawSpan,
    _ found: inout Slab, scratch: inout MutableRawSpan
  ) {
    let rank = shape.settings.rank
    if shape.settings.isOfficial, shape.hasOutliers {
      replace(shape, values, mask, in: &sums, scratch: &scratch)
    }
    residual.copy(values)
    Kernels.best.subtract(sums.bytes, from: &residual)
    if shape.hasOutliers { set(&residual, at: mask, to: 0, scratch: &scratch) }
    // Near 1, so that squares stay inside the range of float32.
    let largest = found.pairs[..<shape.slabCellCount].reduce(0) { max($0, $1.magnitude) }
    let exponent = largest > 0 && largest.isFinite ? Int(largest.exponent) : 0
    let isFar = abs(exponent) > 30
    if isFar {
      let factor: [Float] = [Float(sign: .plus, exponent: -exponent, significand: 1)]
      let whole = Grouping(
        dimensions: [shape.slabElementCount], axis: 0, size: 0, start: 0)
      Kernels.best.multiply(inPlace: &residual, whole, byScales: factor.rawSpan)
    }
    var factors =
      shape.settings.isNearest
      ? HeadProduct.nearest(
        residual.bytes, tokens: shape.tokens, dim: shape.dim, rank: rank, scratch: &scratch)
      : HeadProduct.byIteration(
        residual.bytes, tokens: shape.tokens, dim: shape.dim, rank: rank,
        rounds: shape.settings.roundCount, start: start, scratch: &scratch)
    if isFar {
      let factor = Float(sign: .plus, exponent: exponent, significand: 1)
      factors.v = factors.v.map { $0 * factor }
    }
    (found.u, found.v) = factors
    let u = floats(halves(factors.u, over: 1))
    let v = floats(halves(factors.v, over: product))
    Kernels.best.addLowRank(
      u: u.rawSpan, v: v.rawSpan, stride: shape.dim, rows: shape.tokens, columns: shape.dim,
      rank: rank, scale: product, to: &sums)
    if !shape.hasOutliers { measure(values, sums.bytes, into: &found) }
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private static func replace(
    _ shape: GearShape, _ values: borrowing RawSpan, _ mask: borrowing RawSpan,
    in sums: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    guard shape.hasOutliers else { return }
    Kernels.best.gather(values, width: 4, mask: mask, into: &scratch)
    let count = Kernels.best.count(ofMask: mask, elementCount: shape.slabElementCount)
    Kernels.best.replace(
      scratch.bytes.extracting(0..<4 * count), width: 4, mask: mask, in: &sums)
  }

  /// Rounds sums to the tensor's dtype, and measures them.
  @_lifetime(sums: copy sums)
  @_lifetime(residual: copy residual)
  @_lifetime(scratch: copy scratch)
  private static func finish(
    _ shape: GearShape, _ values: borrowing RawSpan, _ sums: inout MutableRawSpan,
    _ residual: inout MutableRawSpan, _ found: inout Slab, scratch: inout MutableRawSpan,
    _ result: (borrowing RawSpan) throws -> Void
  ) throws {
    let count = shape.slabElementCount
    guard shape.info.dtype != .f32 else {
      measure(values, sums.bytes, into: &found)
      return try result(sums.bytes)
    }
    var target = residual._mutatingExtracting(0..<2 * count)
    Kernels.best.roundSums(sums.bytes, to: shape.info.dtype, into: &target, scratch: &scratch)
    try result(target.bytes)
    try Kernels.best.convert(
      target.bytes, from: shape.info.dtype, to: .f32, elementCount: count, saturating: false,
      into: &sums)
    measure(values, sums.bytes, into: &found)
  }

  // MARK: Half precision

  static func halves(_ values: [Float], over scale: Float) -> [UInt8] {
    let scaled = scale == 1 ? values : values.map { $0 / scale }
    return converted(scaled.rawSpan, from: .f32, to: .f16, count: values.count)
  }

  static func floats(_ halves: [UInt8]) -> [Float] {
    let bytes = converted(halves.rawSpan, from: .f16, to: .f32, count: halves.count / 2)
    return bytes.rawSpan.floats
  }

  private static func converted(
    _ values: borrowing RawSpan, from: DType, to: DType, count: Int
  ) -> [UInt8] {
    var buffer = ByteBuffer(byteCount: count * to.bitsPerElement / 8)
    var span = buffer.mutableBytes
    do {
      try Kernels.best.convert(
        values, from: from, to: to, elementCount: count, saturating: true, into: &span)
    } catch {
      // From F32 to F16 and back, which both have a NaN.
      preconditionFailure("floats convert to floats")
    }
    return span.bytes.array()
  }
}

extension FormatError.Code {
  package static let tooLarge = FormatError.Code("cache.too-large")
}
