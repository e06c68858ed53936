import Base
import Checkpoints
import Surveys
import Synchronization
import TensorCore

/// Finds the bounds that keep exactly the requested number of magnitudes, over one tensor or several.
///
/// Each bound is found by a `RankSearch`. Two passes over the values count the digits of the magnitudes. If only
/// some of the magnitudes equal to a threshold are kept, a third pass finds the last one. If few magnitudes share
/// the upper digits, the second pass collects them instead, and no third pass is needed.
struct TrimBounds: Sendable {
  let tensors: [PlannedTensor]
  let readings: [DeltaReading]
  private let trims: [Trim]
  let engine: Engine
  let tiles: TileList
  let meter: PassMeter

  /// The number of models whose counters a worker holds at once.
  static let groupSize = 4
  /// The number of bytes of the counters of the upper digits of magnitudes.
  static let counterByteCount = DigitCounts.byteCount(.upper)

  /// Creates a search.
  ///
  /// - Parameter tensors: Tensors of the same models with the same trims. Of equal magnitudes, those of the
  ///   first tensors are kept.
  init(_ tensors: [PlannedTensor], seed: UInt64, engine: Engine) {
    self.tensors = tensors
    self.engine = engine
    readings = tensors.map { DeltaReading($0, seed: seed) }
    trims = Self.trims(of: tensors)
    tiles = TileList(tensors.map(\.info.grid))
    let announced = tensors.reduce(0) { $0 + MergeSurvey.rankPassCount($1) * $1.byteCount }
    meter = PassMeter(byteCount: announced, progress: engine.progress)
  }

  /// Returns the trim of each model, which all tensors have in common.
  static func trims(of tensors: [PlannedTensor]) -> [Trim] {
    guard case .taskVectors(let vectors)? = tensors.first?.combination else { return [] }
    return vectors.vectors.map(\.trim)
  }

  /// A bound of the kept magnitudes, in descending order.
  struct Bound {
    var model: Int
    /// True if the kept magnitudes end at the bound; false if the dropped magnitudes before them end at it.
    var isLow: Bool
    /// The search for the last magnitude before the bound.
    var search: RankSearch
    /// The number of magnitudes equal to the threshold that are on the kept side.
    var kept = 0
    /// True if all magnitudes equal to the threshold are kept.
    let keepsTies: Bool
    /// The tensor with the last kept magnitude, and the index of the element after it.
    var end: (tensor: Int, element: Int)?

    init(model: Int, count: Int, isLow: Bool, keepsTies: Bool = false) {
      self.model = model
      self.keepsTies = keepsTies
      self.isLow = isLow
      search = RankSearch(count: count, from: .largest)
    }

    /// True if only some of the magnitudes equal to the threshold are kept.
    var cutsTies: Bool { kept > 0 && kept < search.equalCount }
  }

  /// Returns the bounds of `total` magnitudes before any of them is known.
  static func bounds(of trims: [Trim], total: Int) -> [Bound] {
    var bounds: [Bound] = []
    for (model, trim) in trims.enumerated() where trim.needsRanks {
      let kept = trim.kept(of: total)
      guard !kept.isEmpty else { continue }
      if kept.upperBound < total {
        bounds.append(
          Bound(
            model: model, count: kept.upperBound, isLow: true, keepsTies: trim.keepsTies))
      }
      if kept.lowerBound > 0 {
        bounds.append(Bound(model: model, count: kept.lowerBound, isLow: false))
      }
    }
    return bounds
  }

  /// Returns the values to keep, for each tensor and each model.
  func keeps() throws -> [[SettledCombination.Keep]] {
    let total = tensors.reduce(0) { $0 + $1.info.elementCount }
    var bounds = Self.bounds(of: trims, total: total)
    if !bounds.isEmpty { try find(&bounds) }
    meter.finish()
    return tensors.indices.map { tensor in
      Self.keeps(bounds, trims, tensor: tensor, total: total)
    }
  }

  /// Returns the values of a tensor to keep, for each model, within bounds that are known.
  static func keeps(
    _ bounds: [Bound], _ trims: [Trim], tensor: Int, total: Int
  ) -> [SettledCombination.Keep] {
    trims.enumerated().map { model, trim in
      guard trim.needsRanks else { return trim.keepWithoutRanks }
      guard !trim.kept(of: total).isEmpty else { return .nothing }
      return keep(bounds.filter { $0.model == model }, tensor: tensor)
    }
  }

  private static func keep(_ bounds: [Bound], tensor: Int) -> SettledCombination.Keep {
    guard !bounds.isEmpty else { return .all }
    var range = MagnitudeRange()
    for bound in bounds {
      let end: Int
      if let last = bound.end {
        end = tensor < last.tensor ? .max : tensor == last.tensor ? last.element : 0
      } else {
        end = bound.kept > 0 ? .max : 0
      }
      if bound.isLow {
        (range.low, range.lowEnd) = (bound.search.threshold, end)
      } else {
        (range.high, range.highEnd) = (bound.search.threshold, end)
      }
    }
    return .range(range)
  }

  // MARK: Passes

  private func find(_ bounds: inout [Bound]) throws {
    let path = tensors.first?.operands[0].path ?? ""
    try count(for: &bounds, path: path)
    let candidates = bounds.reduce(0) { $0 + $1.search.equalCount }
    guard candidates > Self.candidateLimit else { return try collect(&bounds, path: path) }
    try count(for: &bounds, path: path)
    Self.settleTies(&bounds)
    let open = bounds.indices.filter { bounds[$0].cutsTies }
    guard !open.isEmpty else { return }
    let ends = try lastTies(open.map { bounds[$0] }, path: path)
    for (index, end) in zip(open, ends) { bounds[index].end = end }
  }

  /// Counts the digits that the searches of the bounds need next.
  private func count(for bounds: inout [Bound], path: String) throws {
    let counts = try counts(
      bounds.compactMap { bound in
        bound.search.question.map { Question(model: bound.model, digits: $0) }
      })
    for index in bounds.indices {
      guard bounds[index].search.take(counts[index]) else { throw ChangedInputError(path: path) }
    }
  }

  /// The maximum number of candidate magnitudes that are held in memory, over all bounds.
  private static let candidateLimit = 1 << 19
  static let candidateByteCount = 24 * candidateLimit

  /// Finds thresholds and the last kept magnitudes in one pass, by collecting the magnitudes with the upper
  /// digits of the bounds.
  private func collect(_ bounds: inout [Bound], path: String) throws {
    let wanted = bounds
    let found = Mutex([[[UInt64]]](repeating: [], count: tiles.count))
    let piece =
      zip(tensors, readings).map { tensor, reading in
        reading.largestPiece(elementCount: tensor.info.grid.largestChunk, inRows: false)
      }.max() ?? 0
    try forEachTile(of: wanted.map(\.model), scratchByteCount: 8 * piece) { _ in
      wanted.map { _ in [UInt64]() }
    } add: { state, index, piece, values, scratch in
      let count = Kernels.best.collectIndexes(
        ofUpper: wanted[index].search.upper, in: values, into: &scratch)
      // A candidate has the lower digits in its upper 16 bits, and the element's index in the tensor below.
      for number in 0..<count {
        let value = scratch.bytes.littleEndian(UInt64.self, at: 8 * number)!
        state[index].append(
          (value >> 32) << 48 | ((value & 0xFFFF_FFFF) + UInt64(piece.lowerBound)))
      }
    } finish: { number, state, _ in
      found.withLock { $0[number] = state }
    }
    let all = found.withLock { $0 }
    for index in bounds.indices {
      try Self.settle(&bounds[index], all.map { $0[index] }, path: path)
    }
    Self.settleTies(&bounds)
    for index in bounds.indices {
      guard bounds[index].cutsTies else { continue }
      bounds[index].end = lastTie(of: bounds[index], among: all.map { $0[index] })
    }
  }

  /// Finds the threshold of a bound among the collected candidates.
  private static func settle(
    _ bound: inout Bound, _ candidates: [[UInt64]], path: String
  ) throws {
    var counts = DigitCounts(.lower(upper: bound.search.upper))
    for tile in candidates { for value in tile { counts.add(1, to: Int(value >> 48)) } }
    guard bound.search.take(counts) else { throw ChangedInputError(path: path) }
  }

  /// Returns the tensor with the last kept magnitude equal to the threshold, and the index of the element
  /// after it.
  private func lastTie(of bound: Bound, among candidates: [[UInt64]]) -> (Int, Int)? {
    let low = UInt64(bound.search.threshold & 0x7FFF)
    let matches = candidates.map { tile in tile.filter { $0 >> 48 == low } }
    var ties = TieCounts(tileCount: matches.count)
    for (number, tile) in matches.enumerated() { ties.set(tile.count, ofTile: number) }
    guard let last = ties.last(of: bound.kept) else { return nil }
    let element = matches[last.tile][last.occurrence - 1] & 0xFFFF_FFFF_FFFF
    return (tiles[last.tile].tensor, Int(element) + 1)
  }

  /// Sets how many of the magnitudes equal to each threshold are kept; the first ones are.
  static func settleTies(_ bounds: inout [Bound]) {
    for index in bounds.indices {
      let search = bounds[index].search
      bounds[index].kept =
        bounds[index].keepsTies
        ? search.equalCount
        : bounds[index].isLow ? search.tieCount : search.equalCount - search.tieCount
    }
    // If both bounds have the same threshold, the low bound alone counts the kept magnitudes.
    for index in bounds.indices where !bounds[index].isLow {
      let high = bounds[index]
      guard
        let low = bounds.firstIndex(where: {
          $0.isLow && $0.model == high.model && $0.search.threshold == high.search.threshold
        })
      else { continue }
      bounds[low].kept -= high.search.tieCount
      bounds[index].kept = high.search.equalCount
    }
  }

  /// Returns, for each bound, the tensor with the last kept magnitude equal to the threshold, and the index of
  /// the element after it.
  func lastTies(
    _ bounds: [Bound], path: String
  ) throws -> [(tensor: Int, element: Int)] {
    let counts = Mutex(bounds.map { _ in TieCounts(tileCount: tiles.count) })
    let models = bounds.map(\.model)
    try forEachTile(of: models) { _ in
      bounds.map { _ in 0 }
    } add: { found, index, _, values, _ in
      found[index] +=
        Kernels.best.count(ofMagnitude: bounds[index].search.threshold, in: values).equal
    } finish: { number, found, _ in
      counts.withLock { counts in
        for index in found.indices { counts[index].set(found[index], ofTile: number) }
      }
    }
    let all = counts.withLock { $0 }
    return try bounds.enumerated().map { index, bound in
      guard let last = all[index].last(of: bound.kept) else { throw ChangedInputError(path: path) }
      let (number, wanted) = last
      let threshold = bound.search.threshold
      let end = Mutex<Int?>(nil)
      try forEachTile(of: [bound.model], only: number) { _ in
        (rest: wanted, end: Int?.none)
      } add: { state, _, piece, values, _ in
        guard state.end == nil else { return }
        let count = Kernels.best.count(ofMagnitude: threshold, in: values).equal
        guard count >= state.rest else {
          state.rest -= count
          return
        }
        state.end = values.index(ofMagnitude: threshold, occurrence: state.rest).map {
          piece.lowerBound + $0 + 1
        }
      } finish: { _, state, _ in
        end.withLock { $0 = state.end }
      }
      guard let end = end.withLock({ $0 }) else { throw ChangedInputError(path: path) }
      return (tiles[number].tensor, end)
    }
  }

  // MARK: In memory

  /// Returns the values to keep of a difference that is entirely in memory.
  ///
  /// - Parameter kept: The ranks to keep, in descending order of magnitudes.
  static func keep(
    of delta: borrowing RawSpan, _ kept: Range<Int>, scratch: inout MutableRawSpan
  ) -> SettledCombination.Keep {
    let count = delta.byteCount / 4
    guard !kept.isEmpty else { return .nothing }
    guard kept != 0..<count else { return .all }
    var bounds: [Bound] = []
    if kept.upperBound < count {
      bounds.append(Bound(model: 0, count: kept.upperBound, isLow: true))
    }
    if kept.lowerBound > 0 { bounds.append(Bound(model: 0, count: kept.lowerBound, isLow: false)) }
    for index in bounds.indices {
      let threshold = Kernels.best.magnitude(
        ofRank: count - bounds[index].search.count, in: delta, scratch: &scratch)
      let found = Kernels.best.count(ofMagnitude: threshold, in: delta)
      bounds[index].search.settle(
        threshold: threshold, before: found.above, equalCount: found.equal)
    }
    settleTies(&bounds)
    for index in bounds.indices {
      let bound = bounds[index]
      guard bound.cutsTies,
        let last = delta.index(ofMagnitude: bound.search.threshold, occurrence: bound.kept)
      else { continue }
      bounds[index].end = (0, last + 1)
    }
    return keep(bounds, tensor: 0)
  }
}
