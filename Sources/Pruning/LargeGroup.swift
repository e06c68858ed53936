import Base
import Checkpoints
import Surveys
import Synchronization
import TensorCore

/// A group that is pruned by passes over its tensors. It consists of all tensors, one tensor, or a part of
/// one tensor.
struct LargeGroup: Sendable {
  struct Part: Sendable {
    var reading: MaskedReading
    /// The elements of the whole tensor, or of one of its groups.
    var elements: Range<Int>
  }

  struct Outcome: Sendable {
    /// The rule of each part.
    var rules: [GroupRule]
    var before: [WeightTally]
    var after: [WeightTally]
    var decisions: [SAP.Decision]
  }

  private struct Tile {
    var part: Int
    var elements: Range<Int>
  }

  let parts: [Part]
  let amount: Amount
  let iterations: Int
  private let tiles: [Tile]
  private let workspaceByteCount: Int

  init(parts: [Part], amount: Amount, iterations: Int) {
    self.parts = parts
    self.amount = amount
    self.iterations = iterations
    var tiles: [Tile] = []
    for (number, part) in parts.enumerated() {
      let info = part.reading.tensor.info
      if part.elements == 0..<info.elementCount {
        tiles += (0..<info.grid.count).map { Tile(part: number, elements: info.grid[$0]) }
      } else {
        let step = info.grid.largestChunk
        for start in stride(from: part.elements.lowerBound, to: part.elements.upperBound, by: step)
        {
          tiles.append(
            Tile(part: number, elements: start..<min(start + step, part.elements.upperBound)))
        }
      }
    }
    self.tiles = tiles
    workspaceByteCount = parts.map { Self.workspaceByteCount($0.reading) }.max() ?? 0
  }

  static func workspaceByteCount(_ reading: MaskedReading) -> Int {
    workspace(reading, elementCount: reading.tensor.info.grid.largestChunk).byteCount
  }

  private static func workspace(_ reading: MaskedReading, elementCount: Int) -> WorkspaceLayout {
    reading.workspace(elementCount: elementCount, extra: Kernels.surveyCounterByteCount)
  }

  // MARK: Pruning

  /// Prunes the group.
  func outcome(engine: Engine) throws -> Outcome {
    var state = GroupState()
    var rules = [GroupRule](repeating: .keepsAll, count: parts.count)
    var (before, after): ([WeightTally]?, [WeightTally]) = (nil, [])
    while state.question != .nothing {
      switch state.question {
      case .sums:
        let found = try sums(
          rules, checks: before == nil, counts: state.iteration < iterations, engine)
        after = found.tallies
        before = before ?? after
        var total = WeightTally()
        for tally in after { total.merge(tally) }
        try state.take(
          total, found.histogram, amount: amount, iterations: iterations, path: path)
        if state.threshold == .max {
          rules = rules.map { _ in GroupRule(threshold: .max, tieEnd: 0) }
        }
      case .lowerBits(let asked):
        try state.take(
          try lowerBits(rules, bin: asked.bin, engine), answering: asked, path: path)
        rules = cut(rules, at: state.threshold, ties: nil)
      case .ties(let kept):
        let ties = try lastTie(rules, threshold: state.threshold, kept: kept, engine)
        rules = cut(rules, at: state.threshold, ties: ties)
        state.endIteration()
      case .nothing: break
      }
    }
    return Outcome(
      rules: rules, before: before ?? after, after: after, decisions: state.decisions)
  }

  /// The file of the first part, for error messages.
  private var path: String { parts.first?.reading.tensor.stored.file ?? "" }

  /// Returns the rules with a new threshold.
  /// - Parameter ties: The part and the element up to which ties are kept; nil to keep all ties.
  private func cut(
    _ rules: [GroupRule], at threshold: UInt32, ties: (part: Int, end: Int)?
  ) -> [GroupRule] {
    rules.enumerated().map { part, old in
      // Ties that an earlier iteration cut at this threshold stay cut.
      var end = old.threshold == threshold ? old.tieEnd : .max
      if let ties { end = min(end, part < ties.part ? .max : part == ties.part ? ties.end : 0) }
      return GroupRule(threshold: threshold, tieEnd: end)
    }
  }

  /// Returns the sums of one round of a survey, without the state of other rounds.
  func sums(threshold: UInt32, checks: Bool, engine: Engine) throws -> (
    tallies: [WeightTally], histogram: MagnitudeHistogram
  ) {
    try sums(
      parts.map { _ in GroupRule(threshold: threshold) }, checks: checks, counts: true, engine)
  }

  /// Returns the counts of the lower bits of the scores in a bin, for one round of a survey.
  func lowerBits(threshold: UInt32, bin: Int, engine: Engine) throws -> DigitCounts {
    try lowerBits(parts.map { _ in GroupRule(threshold: threshold) }, bin: bin, engine)
  }

  // MARK: Passes

  private func sums(
    _ rules: [GroupRule], checks: Bool, counts: Bool, _ engine: Engine
  ) throws -> (tallies: [WeightTally], histogram: MagnitudeHistogram) {
    struct Found {
      var tallies: [WeightTally]
      var nonfinite: [NonfiniteTally]
      var histogram = MagnitudeHistogram()
    }
    let found = Mutex(
      Found(
        tallies: parts.map { _ in WeightTally() }, nonfinite: parts.map { _ in NonfiniteTally() }))
    let turnstile = Turnstile()
    try forEachTile(rules, engine, checks: checks, onFailure: turnstile.abandon) {
      number, tile, values, scores, nonfinite, rest in
      let tally = WeightTally(values, amount.exponents)
      if counts {
        var counters = rest._mutatingExtracting(0..<Kernels.surveyCounterByteCount)
        counters.fill()
        Kernels.best.surveyHistogram(scores, into: &counters)
      }
      try turnstile.pass(number) {
        found.withLock { found in
          found.tallies[tile.part].merge(tally)
          found.nonfinite[tile.part].merge(nonfinite)
          if counts {
            found.histogram.add(rest.bytes.extracting(0..<Kernels.surveyCounterByteCount))
          }
        }
      }
    }
    let result = found.withLock { $0 }
    try SeveralErrors.throwIfAny(
      zip(parts, result.nonfinite).compactMap { $0.reading.error($1) })
    return (result.tallies, result.histogram)
  }

  private func lowerBits(
    _ rules: [GroupRule], bin: Int, _ engine: Engine
  ) throws -> DigitCounts {
    let total = Mutex(DigitCounts(.lower(upper: bin)))
    try forEachTile(rules, engine) { _, _, _, scores, _, _ in
      var counts = DigitCounts(.lower(upper: bin))
      counts.add(scores)
      let found = counts
      total.withLock { $0.merge(found) }
    }
    return total.withLock { $0 }
  }

  /// Returns the part that contains the last kept score equal to the threshold, and the element after that
  /// score.
  private func lastTie(
    _ rules: [GroupRule], threshold: UInt32, kept: Int, _ engine: Engine
  ) throws -> (part: Int, end: Int) {
    guard kept > 0 else { return (0, 0) }
    let ties = Mutex(TieCounts(tileCount: tiles.count))
    try forEachTile(rules, engine) { number, _, _, scores, _, _ in
      let count = Kernels.best.count(ofMagnitude: threshold, in: scores).equal
      ties.withLock { $0.set(count, ofTile: number) }
    }
    guard let last = ties.withLock({ $0.last(of: kept) }) else {
      throw ChangedInputError(path: path)
    }
    let lastElement = Mutex<Int?>(nil)
    try forEachTile(rules, engine, only: last.tile) { _, tile, _, scores, _, _ in
      let found = scores.index(ofMagnitude: threshold, occurrence: last.occurrence)
      lastElement.withLock { $0 = found.map { tile.elements.lowerBound + $0 } }
    }
    guard let element = lastElement.withLock({ $0 }) else { throw ChangedInputError(path: path) }
    return (tiles[last.tile].part, element + 1)
  }

  private typealias Body =
    @Sendable (
      Int, Tile, borrowing RawSpan, borrowing RawSpan, NonfiniteTally, inout MutableRawSpan
    ) throws -> Void

  /// Reads the values and scores of tiles, with NaN for weights that the rules do not keep.
  private func forEachTile(
    _ rules: [GroupRule], _ engine: Engine, checks: Bool = false, only: Int? = nil,
    onFailure: @Sendable () -> Void = {}, _ body: Body
  ) throws {
    let numbers = only.map { [$0] } ?? Array(tiles.indices)
    try engine.forEachPiece(
      count: numbers.count, workspaceByteCount: workspaceByteCount, onFailure: onFailure
    ) { index, workspace in
      let tile = tiles[numbers[index]]
      let part = parts[tile.part]
      let count = tile.elements.count
      let rule = rules[tile.part]
      let isMagnitude = part.reading.score.isMagnitude
      try Self.workspace(part.reading, elementCount: count).withSpans(of: &workspace) {
        values, scores, mask, rest in
        let nonfinite = try part.reading.read(
          tile.elements, counts: checks, values: &values, scores: &scores, mask: &mask,
          scratch: &rest)
        if rule != .keepsAll || !part.reading.startsWhole {
          let choice = TensorRule(choice: .groups(length: part.elements.upperBound, [rule]))
          part.reading.withScores(values.bytes, scores.bytes) { scores in
            part.reading.apply(choice, tile.elements, scores: scores, to: &mask, scratch: &rest)
          }
          Kernels.best.exclude(unmasked: mask.bytes, from: &values)
          if !isMagnitude { Kernels.best.exclude(unmasked: mask.bytes, from: &scores) }
        }
        try part.reading.withScores(values.bytes, scores.bytes) { scores in
          try body(numbers[index], tile, values.bytes, scores, nonfinite, &rest)
        }
      }
      engine.progress.advance(
        byteCount: part.reading.tensor.info.dtype.byteCount(of: count) ?? 0)
    }
  }
}

extension MaskedReading {
  /// Returns the error for weights that are not finite; nil if all are finite.
  func error(_ tally: NonfiniteTally) -> (any UserError)? {
    guard let first = tally.first else { return nil }
    let others = tally.count == 1 ? "" : ", the first of \(tally.count) that are not finite"
    return FormatError(
      .nonfiniteValue,
      "weight \(first) is \(tally.isNaN ? "NaN" : "infinite")\(others)"
        + (tensor.info.dtype == .f64 && !tally.isNaN ? " (or too large for float32)" : ""),
      path: tensor.stored.file, tensor: tensor.name,
      hint: "repair the weights, or exclude the tensor: "
        + "\(setting: "exclude") '\(tensor.name.printable)'"
    )
  }
}
