import Base
import Checkpoints
import Surveys
import Synchronization
import TensorCore

/// Finds which magnitudes of differences stay, exactly as many as asked for, over one tensor or several.
///
/// Each bound is a `RankSearch`: two readings count digits of all models' magnitudes, and a third finds where
/// the last of equal ones is kept, if not all of them are. Where few magnitudes share the digits of the first
/// reading, the second collects them, and no third is needed.
struct TrimBounds: Sendable {
  let tensors: [PlannedTensor]
  let readings: [DeltaReading]
  private let trims: [Trim]
  let engine: Engine
  let tiles: TileList

  /// Models whose counters a worker has at once.
  static let groupSize = 4
  /// Of the upper 16 bits of magnitudes.
  static let counterByteCount = DigitCounts.byteCount(.upper)

  /// - Parameter tensors: of the same models with the same trims, in the order in which equal magnitudes
  ///   are kept.
  init(_ tensors: [PlannedTensor], seed: UInt64, engine: Engine) {
    self.tensors = tensors
    self.engine = engine
    readings = tensors.map { DeltaReading($0, seed: seed) }
    if case .taskVectors(let vectors)? = tensors.first?.combination {
      trims = vectors.vectors.map(\.trim)
    } else {
      trims = []
    }
    tiles = TileList(tensors.map(\.info.grid))
  }

  /// The end of what is kept, or of what is left out before it, in descending order of magnitudes.
  private struct Bound {
    var model: Int
    /// Whether it ends what is kept; the other kind ends what is left out before it.
    var isLow: Bool
    /// For the last magnitude before the bound.
    var search: RankSearch
    /// How many of the magnitudes that equal it are on the kept side.
    var kept = 0
    /// The tensor with the last that is kept, and the element behind it.
    var end: (tensor: Int, element: Int)?

    init(model: Int, count: Int, isLow: Bool) {
      self.model = model
      self.isLow = isLow
      search = RankSearch(count: count, from: .largest)
    }

    /// Whether only some of the magnitudes that equal the threshold are kept.
    var cutsTies: Bool { kept > 0 && kept < search.equalCount }
  }

  /// For each tensor what is kept of each model's difference.
  func keeps() throws -> [[SettledCombination.Keep]] {
    let total = tensors.reduce(0) { $0 + $1.info.elementCount }
    var bounds: [Bound] = []
    for (model, trim) in trims.enumerated() where trim.needsRanks {
      let kept = trim.kept(of: total)
      guard !kept.isEmpty else { continue }
      if kept.upperBound < total {
        bounds.append(Bound(model: model, count: kept.upperBound, isLow: true))
      }
      if kept.lowerBound > 0 {
        bounds.append(Bound(model: model, count: kept.lowerBound, isLow: false))
      }
    }
    if !bounds.isEmpty { try find(&bounds) }
    return tensors.indices.map { tensor in
      trims.enumerated().map { model, trim in
        guard trim.needsRanks else { return trim.keepWithoutRanks }
        guard !trim.kept(of: total).isEmpty else { return .nothing }
        return Self.keep(bounds.filter { $0.model == model }, tensor: tensor)
      }
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
    for (place, end) in zip(open, ends) { bounds[place].end = end }
  }

  /// Counts what the searches of bounds ask for.
  private func count(for bounds: inout [Bound], path: String) throws {
    let counts = try counts(
      bounds.compactMap { bound in
        bound.search.question.map { Question(model: bound.model, digits: $0) }
      })
    for place in bounds.indices {
      guard bounds[place].search.take(counts[place]) else { throw ChangedInputError(path: path) }
    }
  }

  /// Magnitudes with the digits of bounds that are kept with their places, in all.
  private static let candidateLimit = 1 << 19
  static let candidateByteCount = 24 * candidateLimit

  /// Finds thresholds and the last of equal magnitudes in one reading, where few have the digits of bounds.
  private func collect(_ bounds: inout [Bound], path: String) throws {
    let wanted = bounds
    let found = Mutex([[[UInt64]]](repeating: [], count: tiles.count))
    let piece =
      zip(tensors, readings).map { tensor, reading in
        reading.largestPiece(elementCount: tensor.info.grid.largestChunk, inRows: false)
      }.max() ?? 0
    try forEachTile(of: wanted.map(\.model), scratchByteCount: 8 * piece) { _ in
      wanted.map { _ in [UInt64]() }
    } add: { state, place, piece, values, scratch in
      let count = Kernels.best.collectIndexes(
        ofUpper: wanted[place].search.upper, in: values, into: &scratch)
      // From here on places are those of the tensor: lower digits, then 48 bits of a place.
      for number in 0..<count {
        let value = scratch.bytes.littleEndian(UInt64.self, at: 8 * number)!
        state[place].append(
          (value >> 32) << 48 | ((value & 0xFFFF_FFFF) + UInt64(piece.lowerBound)))
      }
    } finish: { number, state, _ in
      found.withLock { $0[number] = state }
    }
    let all = found.withLock { $0 }
    for place in bounds.indices {
      try Self.settle(&bounds[place], all.map { $0[place] }, path: path)
    }
    Self.settleTies(&bounds)
    for place in bounds.indices {
      guard bounds[place].cutsTies else { continue }
      bounds[place].end = lastTie(of: bounds[place], among: all.map { $0[place] })
    }
  }

  /// The threshold among collected candidates.
  private static func settle(
    _ bound: inout Bound, _ candidates: [[UInt64]], path: String
  ) throws {
    var counts = DigitCounts(.lower(upper: bound.search.upper))
    for tile in candidates { for value in tile { counts.add(1, to: Int(value >> 48)) } }
    guard bound.search.take(counts) else { throw ChangedInputError(path: path) }
  }

  /// Where the last equal magnitude stands that a bound keeps.
  private func lastTie(of bound: Bound, among candidates: [[UInt64]]) -> (Int, Int)? {
    let low = UInt64(bound.search.threshold & 0x7FFF)
    let places = candidates.map { tile in tile.filter { $0 >> 48 == low } }
    var ties = TieCounts(tileCount: places.count)
    for (number, tile) in places.enumerated() { ties.set(tile.count, ofTile: number) }
    guard let last = ties.last(of: bound.kept) else { return nil }
    let place = places[last.tile][last.occurrence - 1] & 0xFFFF_FFFF_FFFF
    return (tiles[last.tile].tensor, Int(place) + 1)
  }

  /// How many of equal magnitudes stay, the first of them.
  private static func settleTies(_ bounds: inout [Bound]) {
    for place in bounds.indices {
      let search = bounds[place].search
      bounds[place].kept =
        bounds[place].isLow ? search.tieCount : search.equalCount - search.tieCount
    }
    // Where both bounds lie in the same run of equal magnitudes, one count says all.
    for place in bounds.indices where !bounds[place].isLow {
      let high = bounds[place]
      guard
        let low = bounds.firstIndex(where: {
          $0.isLow && $0.model == high.model && $0.search.threshold == high.search.threshold
        })
      else { continue }
      bounds[low].kept -= high.search.tieCount
      bounds[place].kept = high.search.equalCount
    }
  }

  /// Where the last equal magnitude stands that each bound keeps.
  private func lastTies(
    _ bounds: [Bound], path: String
  ) throws -> [(tensor: Int, element: Int)] {
    let counts = Mutex(bounds.map { _ in TieCounts(tileCount: tiles.count) })
    let models = bounds.map(\.model)
    try forEachTile(of: models) { _ in
      bounds.map { _ in 0 }
    } add: { found, place, _, values, _ in
      found[place] +=
        Kernels.best.count(ofMagnitude: bounds[place].search.threshold, in: values).equal
    } finish: { number, found, _ in
      counts.withLock { counts in
        for place in found.indices { counts[place].set(found[place], ofTile: number) }
      }
    }
    let all = counts.withLock { $0 }
    return try bounds.enumerated().map { place, bound in
      guard let last = all[place].last(of: bound.kept) else { throw ChangedInputError(path: path) }
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

  /// What is kept of a difference that is there whole.
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
    for place in bounds.indices {
      let threshold = Kernels.best.magnitude(
        ofRank: count - bounds[place].search.count, in: delta, scratch: &scratch)
      let found = Kernels.best.count(ofMagnitude: threshold, in: delta)
      bounds[place].search.settle(
        threshold: threshold, before: found.above, equalCount: found.equal)
    }
    settleTies(&bounds)
    for place in bounds.indices {
      let bound = bounds[place]
      guard bound.cutsTies,
        let last = delta.index(ofMagnitude: bound.search.threshold, occurrence: bound.kept)
      else { continue }
      bounds[place].end = (0, last + 1)
    }
    return keep(bounds, tensor: 0)
  }
}
