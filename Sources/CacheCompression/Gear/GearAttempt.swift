import Base
import Checkpoints
import Crypto
import PackedFormat
import Synchronization
import TensorCore

/// The quantization of all heads of a tensor for one scale dtype and one scale of products.
struct GearAttempt: Sendable {
  /// The scale of each cell, slab by slab.
  private(set) var scales: [Float]
  /// The zero of each cell, slab by slab.
  private(set) var zeros: [Float]
  /// The values of each slab that stay exact, in the tensor's dtype.
  private(set) var kept: [[UInt8]]
  /// The factors U and V in F16, slab by slab.
  private(set) var u: [UInt8]
  private(set) var v: [UInt8]
  private(set) var contentID: [UInt8]?
  private var largestFactor: Float = 0
  private var headDistances: [[Distance]]

  /// Quantizes all heads in parallel.
  ///
  /// - Parameters:
  ///   - frame: The data that all heads share.
  ///   - start: The start matrices of the power iteration, [slabs, rank, dim].
  ///   - engine: The engine that runs the workers.
  ///   - wantsContentID: True to compute the SHA-256 of the values that the terms represent.
  init(
    _ frame: HeadFit.Frame, start: [Float], engine: Engine, wantsContentID: Bool
  ) throws {
    let shape = frame.shape
    self.init(empty: shape)
    let store = Mutex(self)
    let hash = Mutex(SHA256())
    let turnstile = Turnstile()
    try engine.forEachPiece(
      count: shape.slabCount, workspaceByteCount: frame.space.layout.byteCount,
      onFailure: turnstile.abandon
    ) { slab, workspace in
      let size = shape.settings.rank * shape.dim
      let found = try HeadFit(
        frame, slab: slab, start: Array(start[slab * size..<(slab + 1) * size]),
        workspace: &workspace
      ) { values in
        guard wantsContentID else { return }
        try turnstile.pass(slab) { hash.withLock { $0.update(values) } }
      }
      store.withLock { $0.keep(found, slab) }
      engine.progress.advance(
        byteCount: shape.info.dtype.byteCount(of: shape.slabElementCount) ?? 0)
    }
    self = store.withLock { $0 }
    contentID = wantsContentID ? Array(hash.withLock { $0 }.finalize()) : nil
  }

  private init(empty shape: GearShape) {
    let slabs = shape.slabCount
    let rank = shape.settings.rank
    scales = [Float](repeating: 0, count: slabs * shape.slabCellCount)
    zeros = scales
    kept = Array(repeating: [], count: shape.hasOutliers ? slabs : 0)
    u = [UInt8](repeating: 0, count: 2 * slabs * shape.tokens * rank)
    v = [UInt8](repeating: 0, count: 2 * slabs * rank * shape.dim)
    headDistances = Array(repeating: [], count: slabs)
  }

  private mutating func keep(_ found: HeadFit, _ slab: Int) {
    func put<Element>(_ values: ArraySlice<Element>, _ target: inout [Element]) {
      target.replaceSubrange(slab * values.count..<(slab + 1) * values.count, with: values)
    }
    put(found.scales[...], &scales)
    put(found.zeros[...], &zeros)
    if !kept.isEmpty { kept[slab] = found.kept }
    put(found.u[...], &u)
    put(found.v[...], &v)
    largestFactor = max(largestFactor, found.largestFactor)
    headDistances[slab] = found.distances
  }

  /// The distances over all heads.
  var distances: [Distance] {
    var sums = headDistances.first ?? []
    for found in headDistances.dropFirst() {
      for index in sums.indices { sums[index].add(found[index]) }
    }
    return sums
  }

  /// True if all numbers are finite in float32.
  var isFinite: Bool {
    scales.allSatisfy(\.isFinite) && zeros.allSatisfy(\.isFinite) && largestFactor.isFinite
      && distances.allSatisfy { $0.squares.isFinite && $0.largest.isFinite }
  }

  /// Returns another dtype of scales or scale of products if the numbers do not fit the given ones; otherwise nil.
  func better(than dtype: DType, _ product: Float, isOfficial: Bool) -> (DType, Float)? {
    var result = (dtype, product)
    let largest = scales.reduce(0) { max($0, $1.magnitude) }
    let fits =
      largest.isFinite && zeros.allSatisfy(\.isFinite) && (largest == 0 || largest >= 0x1p-10)
    if dtype != .f32, !isOfficial || !largest.isFinite, !fits { result.0 = .f32 }
    if largestFactor > 0, largestFactor.isFinite,
      largestFactor > 60_000 || largestFactor < 0x1p-8
    {
      result.1 = Float(
        sign: .plus, exponent: max(-126, largestFactor.exponent), significand: 1)
    }
    return result.0 == dtype && result.1 == product ? nil : result
  }
}
