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
      try forEachTile(of: asked[group].map(\.model)) { _ in
        group.map { [UInt64](repeating: 0, count: asked[$0].digits.counterCount) }
      } add: { counters, place, _, values in
        Kernels.best.countMagnitudes(
          values, digits: asked[group.lowerBound + place].digits, into: &counters[place])
      } finish: { _, counters in
        // Sums of whole numbers have no order.
        totals.withLock { totals in
          for (place, counters) in zip(group, counters) {
            for digit in counters.indices where counters[digit] > 0 {
              totals[place][digit] += counters[digit]
            }
          }
        }
      }
    }
    let found = totals.withLock { $0 }
    return answers.map { found[$0] }
  }

  /// Where the last equal magnitude stands that each bound keeps.
  private func lastTies(
    _ bounds: [Bound], path: String
  ) throws -> [(tensor: Int, element: Int)] {
    let counts = Mutex([[Int]](repeating: [], count: tiles.count))
    let models = bounds.map(\.model)
    try forEachTile(of: models) { _ in
      bounds.map { _ in 0 }
    } add: { found, place, _, values in
      found[place] += Kernels.best.count(ofMagnitude: bounds[place].threshold, in: values).equal
    } finish: { number, found in
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
      } add: { state, _, piece, values in
        guard state.end == nil else { return }
        let count = Kernels.best.count(ofMagnitude: bound.threshold, in: values).equal
        guard count >= state.rest else {
          state.rest -= count
          return
        }
        state.end = values.place(ofMagnitude: bound.threshold, occurrence: state.rest).map {
          piece.lowerBound + $0 + 1
        }
      } finish: { _, state in
        end.withLock { $0 = state.end }
      }
      guard let end = end.withLock({ $0 }) else { throw ChangedInputError(path: path) }
      return (tiles[number].tensor, end)
    }
  }
}

extension RankSelection {
  /// Reads tiles piece by piece: a state for each tile takes the differences of some models in turn.
  private func forEachTile<State>(
    of models: [Int], only: Int? = nil, start: @Sendable (Int) -> State,
    add: @Sendable (inout State, Int, Range<Int>, borrowing RawSpan) -> Void,
    finish: @Sendable (Int, State) -> Void
  ) throws {
    let workspaceByteCount =
      zip(tensors, readings).map { tensor, reading in
        let piece = reading.largestPiece(
          elementCount: tensor.info.grid.largestChunk, inRows: false)
        return 4 * piece * (1 + models.count)
          + reading.scratchByteCount(piece: piece, inRows: false)
      }.max() ?? 0
    try engine.forEachPiece(
      count: only == nil ? tiles.count : 1, workspaceByteCount: workspaceByteCount
    ) { piece, workspace in
      let number = only ?? piece
      let tile = tiles[number]
      let reading = readings[tile.tensor]
      var state = start(number)
      for piece in reading.pieces(of: tile.elements, inRows: false) {
        let size = 4 * piece.count
        try reading.withPiece(piece, of: models, workspace: &workspace) { _, deltas, _ in
          for place in models.indices {
            add(
              &state, place, piece,
              deltas.bytes.extracting(size * place..<size * (place + 1)))
          }
        }
      }
      finish(number, state)
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
