import Base
import Checkpoints
import Synchronization
import TensorCore

/// Finds which magnitudes of differences stay, exactly as many as asked for, over one tensor or several.
///
/// Two readings count digits of all models' magnitudes; a third finds where the last of equal ones is
/// kept, if not all of them are.
struct RankSelection: Sendable {
  private let tensors: [PlannedTensor]
  private let readings: [DeltaReading]
  private let trims: [Trim]
  private let engine: Engine
  private let tiles: TileList

  /// Models whose counters a worker has at once.
  static let groupSize = 4
  /// Of the upper 16 bits of magnitudes.
  static let counterByteCount = 8 << 16

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
    /// How many magnitudes are larger than those behind the bound, or equal and before them.
    var count: Int
    var isLow: Bool
    /// Upper 16 bits of the magnitude at the bound, and how many have larger ones.
    var digit = 0
    var above = 0
    var threshold: UInt32 = 0
    /// Magnitudes that equal the threshold, and how many of them are on the kept side.
    var equal = 0
    var kept = 0
    /// The tensor with the last that is kept, and the element behind it.
    var end: (tensor: Int, element: Int)?
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
        (range.low, range.lowEnd) = (bound.threshold, end)
      } else {
        (range.high, range.highEnd) = (bound.threshold, end)
      }
    }
    return .range(range)
  }

  // MARK: Passes

  private func find(_ bounds: inout [Bound]) throws {
    let path = tensors.first?.operands[0].path ?? ""
    let upper = try counts(bounds.map { Question(model: $0.model, digits: .upper) })
    for place in bounds.indices {
      guard let found = Self.place(of: bounds[place].count, in: upper[place]) else {
        throw ChangedInputError(path: path)
      }
      (bounds[place].digit, bounds[place].above) = found
    }
    let candidates = bounds.indices.reduce(0) { $0 + Int(upper[$1][bounds[$1].digit]) }
    guard candidates > Self.candidateLimit else { return try collect(&bounds, path: path) }
    let lower = try counts(
      bounds.map { Question(model: $0.model, digits: .lower(upper: $0.digit)) })
    for place in bounds.indices {
      let bound = bounds[place]
      guard let found = Self.place(of: bound.count - bound.above, in: lower[place]) else {
        throw ChangedInputError(path: path)
      }
      bounds[place].threshold = UInt32(bound.digit) << 15 | UInt32(found.digit)
      bounds[place].above += found.above
      bounds[place].equal = Int(lower[place][found.digit])
    }
    Self.settleTies(&bounds)
    let open = bounds.indices.filter { bounds[$0].kept > 0 && bounds[$0].kept < bounds[$0].equal }
    guard !open.isEmpty else { return }
    let ends = try lastTies(open.map { bounds[$0] }, path: path)
    for (place, end) in zip(open, ends) { bounds[place].end = end }
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
      let count = Kernels.best.collectPlaces(
        ofUpper: wanted[place].digit, in: values, into: &scratch)
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
      guard bounds[place].kept > 0, bounds[place].kept < bounds[place].equal else { continue }
      bounds[place].end = lastTie(of: bounds[place], among: all.map { $0[place] })
    }
  }

  /// The threshold among collected candidates.
  private static func settle(
    _ bound: inout Bound, _ candidates: [[UInt64]], path: String
  ) throws {
    var counts = [UInt64](repeating: 0, count: 1 << 15)
    for tile in candidates { for value in tile { counts[Int(value >> 48)] += 1 } }
    guard let found = place(of: bound.count - bound.above, in: counts) else {
      throw ChangedInputError(path: path)
    }
    bound.threshold = UInt32(bound.digit) << 15 | UInt32(found.digit)
    bound.above += found.above
    bound.equal = Int(counts[found.digit])
  }

  /// Where the last equal magnitude stands that a bound keeps.
  private func lastTie(of bound: Bound, among candidates: [[UInt64]]) -> (Int, Int)? {
    let low = UInt64(bound.threshold & 0x7FFF)
    var rest = bound.kept
    for (number, tile) in candidates.enumerated() {
      for value in tile where value >> 48 == low {
        rest -= 1
        if rest == 0 { return (tiles[number].tensor, Int(value & 0xFFFF_FFFF_FFFF) + 1) }
      }
    }
    return nil
  }

  /// How many of equal magnitudes stay, the first of them.
  private static func settleTies(_ bounds: inout [Bound]) {
    for place in bounds.indices {
      let bound = bounds[place]
      let before = bound.count - bound.above
      bounds[place].kept = bound.isLow ? before : bound.equal - before
    }
    // Where both bounds lie in the same run of equal magnitudes, one count says all.
    for place in bounds.indices where !bounds[place].isLow {
      guard
        let low = bounds.firstIndex(where: {
          $0.isLow && $0.model == bounds[place].model && $0.threshold == bounds[place].threshold
        })
      else { continue }
      bounds[low].kept -= bounds[place].count - bounds[place].above
      bounds[place].kept = bounds[place].equal
    }
  }

  /// The digit of the value that is the `count`-th largest, and how many have a larger digit.
  private static func place(of count: Int, in counters: [UInt64]) -> (digit: Int, above: Int)? {
    var above = 0
    for digit in counters.indices.reversed() {
      guard above + Int(counters[digit]) < count else { return (digit, above) }
      above += Int(counters[digit])
    }
    return nil
  }

  private struct Question: Equatable {
    var model: Int
    var digits: Kernels.MagnitudeDigits
  }

  /// How often each value of some digits occurs in models' differences.
  private func counts(_ wanted: [Question]) throws -> [[UInt64]] {
    // Two bounds of a model may ask for the same digits.
    var questions: [Question] = []
    var answers: [Int] = []
    for question in wanted {
      if let place = questions.firstIndex(of: question) {
        answers.append(place)
      } else {
        answers.append(questions.count)
        questions.append(question)
      }
    }
    let asked = questions
    let totals = Mutex(asked.map { [UInt64](repeating: 0, count: $0.digits.counterCount) })
    for first in stride(from: 0, to: asked.count, by: Self.groupSize) {
      let group = first..<min(first + Self.groupSize, asked.count)
      let size = Self.counterByteCount
      try forEachTile(
        of: asked[group].map(\.model), scratchByteCount: size * group.count
      ) { counters in
        counters.fill()
      } add: { _, place, _, values, counters in
        var own = counters._mutatingExtracting(size * place..<size * (place + 1))
        Kernels.best.countMagnitudes(
          values, digits: asked[group.lowerBound + place].digits, into: &own)
      } finish: { _, _, counters in
        // Sums of whole numbers have no order.
        totals.withLock { totals in
          for place in group {
            let start = size * (place - group.lowerBound)
            Self.add(
              counters.extracting(start..<start + 8 * totals[place].count), to: &totals[place])
          }
        }
      }
    }
    let found = totals.withLock { $0 }
    return answers.map { found[$0] }
  }

  /// Counters are nearly all 0, but for a few runs.
  private static func add(_ counters: borrowing RawSpan, to totals: inout [UInt64]) {
    let run = 256
    for first in stride(from: 0, to: totals.count, by: run) {
      guard !Kernels.isAllZero(counters.extracting(8 * first..<8 * (first + run))) else { continue }
      for place in first..<first + run {
        totals[place] += counters.littleEndian(UInt64.self, at: 8 * place)!
      }
    }
  }

  /// Where the last equal magnitude stands that each bound keeps.
  private func lastTies(
    _ bounds: [Bound], path: String
  ) throws -> [(tensor: Int, element: Int)] {
    let counts = Mutex([[Int]](repeating: [], count: tiles.count))
    let models = bounds.map(\.model)
    try forEachTile(of: models) { _ in
      bounds.map { _ in 0 }
    } add: { found, place, _, values, _ in
      found[place] += Kernels.best.count(ofMagnitude: bounds[place].threshold, in: values).equal
    } finish: { number, found, _ in
      counts.withLock { $0[number] = found }
    }
    let all = counts.withLock { $0 }
    return try bounds.enumerated().map { place, bound in
      var rest = bound.kept
      let number = all.firstIndex { counts in
        guard counts[place] < rest else { return true }
        rest -= counts[place]
        return false
      }
      guard let number else { throw ChangedInputError(path: path) }
      let wanted = rest
      let end = Mutex<Int?>(nil)
      try forEachTile(of: [bound.model], only: number) { _ in
        (rest: wanted, end: Int?.none)
      } add: { state, _, piece, values, _ in
        guard state.end == nil else { return }
        let count = Kernels.best.count(ofMagnitude: bound.threshold, in: values).equal
        guard count >= state.rest else {
          state.rest -= count
          return
        }
        state.end = values.place(ofMagnitude: bound.threshold, occurrence: state.rest).map {
          piece.lowerBound + $0 + 1
        }
      } finish: { _, state, _ in
        end.withLock { $0 = state.end }
      }
      guard let end = end.withLock({ $0 }) else { throw ChangedInputError(path: path) }
      return (tiles[number].tensor, end)
    }
  }
}

extension RankSelection {
  /// Reads tiles piece by piece: a state for each tile takes the differences of some models in turn.
  /// - Parameter scratchByteCount: memory that is lent all the while a tile is read.
  private func forEachTile<State>(
    of models: [Int], only: Int? = nil, scratchByteCount: Int = 0,
    start: @Sendable (inout MutableRawSpan) -> State,
    add: @Sendable (inout State, Int, Range<Int>, borrowing RawSpan, inout MutableRawSpan) -> Void,
    finish: @Sendable (Int, State, borrowing RawSpan) -> Void
  ) throws {
    let readingByteCount =
      zip(tensors, readings).map { tensor, reading in
        let piece = reading.largestPiece(
          elementCount: tensor.info.grid.largestChunk, inRows: false)
        return 4 * piece * (1 + models.count)
          + reading.scratchByteCount(piece: piece, inRows: false)
      }.max() ?? 0
    try engine.forEachPiece(
      count: only == nil ? tiles.count : 1,
      workspaceByteCount: scratchByteCount + readingByteCount
    ) { piece, workspace in
      let number = only ?? piece
      let tile = tiles[number]
      let reading = readings[tile.tensor]
      try workspace.split(at: scratchByteCount) { scratch, workspace in
        var state = start(&scratch)
        for piece in reading.pieces(of: tile.elements, inRows: false) {
          let size = 4 * piece.count
          try reading.withPiece(piece, of: models, workspace: &workspace) { _, deltas, _ in
            for place in models.indices {
              add(
                &state, place, piece,
                deltas.bytes.extracting(size * place..<size * (place + 1)), &scratch)
            }
          }
        }
        finish(number, state, scratch.bytes)
      }
      if only == nil {
        engine.progress.advance(
          byteCount: tensors[tile.tensor].byteCount(ofChunk: tile.chunk))
      }
    }
  }

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
        ofRank: count - bounds[place].count, in: delta, scratch: &scratch)
      bounds[place].threshold = threshold
      (bounds[place].equal, bounds[place].above) = Kernels.best.count(
        ofMagnitude: threshold, in: delta)
    }
    settleTies(&bounds)
    for place in bounds.indices {
      let bound = bounds[place]
      guard bound.kept > 0, bound.kept < bound.equal,
        let last = delta.place(ofMagnitude: bound.threshold, occurrence: bound.kept)
      else { continue }
      bounds[place].end = (0, last + 1)
    }
    return keep(bounds, tensor: 0)
  }
}
