import Base
import Checkpoints
import Surveys
import Synchronization
import TensorCore

/// Groups of elements of a tensor that are small enough to be pruned in memory: runs of consecutive elements, or rows
/// whose elements lie apart.
struct SmallGroups: Sendable {
  /// The maximum number of elements in a group, and of elements that are read at once.
  static let elementLimit = 1 << 18

  let reading: MaskedReading
  /// The number of elements in a group.
  let length: Int
  /// True if the groups are rows whose elements are not next to each other.
  let areStrided: Bool
  let amount: Amount
  let iterations: Int

  private var info: TensorInfo { reading.tensor.info }
  private var groupCount: Int { info.elementCount / length }
  private var groupsPerPiece: Int { max(1, Self.elementLimit / length) }
  var pieceCount: Int { (groupCount + groupsPerPiece - 1) / groupsPerPiece }

  static func workspaceByteCount(_ reading: MaskedReading) -> Int {
    let count = min(elementLimit, reading.tensor.info.elementCount)
    return workspace(reading, elementCount: count, extra: groupLayout(length: count).byteCount)
      .byteCount
  }

  private static func workspace(
    _ reading: MaskedReading, elementCount: Int, extra: Int
  ) -> WorkspaceLayout {
    reading.workspace(
      elementCount: elementCount,
      extra: max(extra, StridedReading(reading).workspaceByteCount))
  }

  /// Returns the layout of the remaining weights of a group: values, scores, and scratch memory to select a
  /// rank.
  private static func groupLayout(length: Int) -> WorkspaceLayout {
    WorkspaceLayout(4 * length, 4 * length, scratch: 4 * length)
  }

  /// The outcome of a piece, a run of whole groups that is read at once.
  struct PieceOutcome: Sendable {
    /// The rule of each group.
    var rules: [GroupRule] = []
    var before = WeightTally()
    var after = WeightTally()
    var decisions: [[SAP.Decision]] = []
    var nonfinite = NonfiniteTally()
  }

  /// Prunes the groups of a piece.
  @_lifetime(workspace: copy workspace)
  func prune(piece: Int, _ workspace: inout MutableRawSpan) throws -> PieceOutcome {
    let first = piece * groupsPerPiece
    let groups = first..<min(first + groupsPerPiece, groupCount)
    let elements = groups.lowerBound * length..<groups.upperBound * length
    var outcome = PieceOutcome()
    let layout = Self.workspace(
      reading, elementCount: elements.count, extra: Self.groupLayout(length: length).byteCount)
    try layout.withSpans(of: &workspace) { values, scores, mask, rest in
      outcome.nonfinite =
        areStrided
        ? try StridedReading(reading).read(
          groups, values: &values, scores: &scores, mask: &mask, scratch: &rest)
        : try reading.read(
          elements, counts: true, values: &values, scores: &scores, mask: &mask, scratch: &rest)
      guard outcome.nonfinite.count == 0 else { return }
      if !reading.startsWhole {
        Kernels.best.exclude(unmasked: mask.bytes, from: &values)
        if !reading.score.isMagnitude {
          Kernels.best.exclude(unmasked: mask.bytes, from: &scores)
        }
      }
      reading.withScores(values.bytes, scores.bytes) { scores in
        for group in groups {
          let start = 4 * (group * length - elements.lowerBound)
          prune(
            group, values.bytes.extracting(start..<start + 4 * length),
            scores.extracting(start..<start + 4 * length), &rest, &outcome)
        }
      }
    }
    return outcome
  }

  /// Prunes one group. Weights that were pruned before are NaN.
  @_lifetime(scratch: copy scratch)
  private func prune(
    _ group: Int, _ values: borrowing RawSpan, _ scores: borrowing RawSpan,
    _ scratch: inout MutableRawSpan, _ outcome: inout PieceOutcome
  ) {
    var rule = GroupRule.keepsAll
    var decisions: [SAP.Decision] = []
    var tally = WeightTally(values, amount.exponents)
    outcome.before.merge(tally)
    Self.groupLayout(length: length).withSpans(of: &scratch) { leftValues, leftScores, rest in
      var count = Self.compact(
        values, scores, rule, first: group * length, &leftValues, &leftScores)
      for _ in 0..<iterations {
        guard let cut = amount.cut(count: count, powerSums: tally.powers) else { break }
        if let decision = cut.decision { decisions.append(decision) }
        if cut.rank == count {
          rule = GroupRule(threshold: .max, tieEnd: 0)
        } else {
          let left = leftScores.bytes.extracting(0..<4 * count)
          var threshold = Kernels.best.magnitude(ofRank: cut.rank, in: left, scratch: &rest)
          if cut.fraction > 0 {
            let next = Kernels.best.magnitude(ofRank: cut.rank + 1, in: left, scratch: &rest)
            threshold = Amount.bound(threshold, next: next, fraction: cut.fraction)
          }
          var next = GroupRule(
            threshold: threshold, tieEnd: threshold == rule.threshold ? rule.tieEnd : .max)
          if cut.cutsTies {
            next.tieEnd = Self.tieEnd(
              scores, rule, threshold, rank: cut.rank, first: group * length)
          }
          rule = next
        }
        count = Self.compact(
          values, scores, rule, first: group * length, &leftValues, &leftScores)
        tally = WeightTally(
          leftValues.bytes.extracting(0..<4 * count), amount.exponents)
      }
    }
    outcome.after.merge(tally)
    outcome.rules.append(rule)
    outcome.decisions.append(decisions)
  }

  /// Copies the weights that a rule keeps of a group.
  /// - Returns: The number of kept weights.
  @_lifetime(leftValues: copy leftValues)
  @_lifetime(leftScores: copy leftScores)
  private static func compact(
    _ values: borrowing RawSpan, _ scores: borrowing RawSpan, _ rule: GroupRule, first: Int,
    _ leftValues: inout MutableRawSpan, _ leftScores: inout MutableRawSpan
  ) -> Int {
    var count = 0
    for index in 0..<values.byteCount / 4 {
      let score = scores.littleEndian(UInt32.self, at: 4 * index)! & 0x7FFF_FFFF
      guard rule.keeps(score, at: first + index) else { continue }
      leftValues.storeLittleEndian(
        values.littleEndian(UInt32.self, at: 4 * index)!, at: 4 * count)
      leftScores.storeLittleEndian(score, at: 4 * count)
      count += 1
    }
    return count
  }

  /// Returns the element after the last kept score that equals the threshold.
  /// - Parameter rank: The number of scores to drop: all below the threshold, and the last of those that equal
  ///   it.
  private static func tieEnd(
    _ scores: borrowing RawSpan, _ rule: GroupRule, _ threshold: UInt32, rank: Int, first: Int
  ) -> Int {
    var drop = rank
    for index in 0..<scores.byteCount / 4 {
      let score = scores.littleEndian(UInt32.self, at: 4 * index)! & 0x7FFF_FFFF
      if score < threshold, rule.keeps(score, at: first + index) { drop -= 1 }
    }
    for index in (0..<scores.byteCount / 4).reversed() {
      let score = scores.littleEndian(UInt32.self, at: 4 * index)! & 0x7FFF_FFFF
      guard score == threshold, rule.keeps(score, at: first + index) else { continue }
      guard drop > 0 else { return first + index + 1 }
      drop -= 1
    }
    return 0
  }
}

extension GroupRule {
  /// Returns true if a weight is kept. A score with the bits of NaN was pruned before.
  fileprivate func keeps(_ score: UInt32, at element: Int) -> Bool {
    guard score < 0x7F80_0000 else { return false }
    return score > threshold || (score == threshold && element < tieEnd)
  }
}

extension SmallGroups {
  /// Prunes the groups of several tensors piece by piece.
  static func survey(
    _ tensors: [(number: Int, groups: SmallGroups)], recordsDecisions: Bool,
    into result: inout PruningOutcome, _ engine: Engine
  ) throws {
    let starts = tensors.reduce(into: [0]) { $0.append($0.last! + $1.groups.pieceCount) }
    let found = Mutex([PieceOutcome?](repeating: nil, count: starts.last!))
    let work = tensors.map(\.groups)
    try engine.forEachPiece(
      count: starts.last!,
      workspaceByteCount: work.map { workspaceByteCount($0.reading) }.max() ?? 0
    ) { number, workspace in
      let tensor = starts.partitioningIndex(above: number) - 1
      var outcome = try work[tensor].prune(piece: number - starts[tensor], &workspace)
      if !recordsDecisions { outcome.decisions = [] }
      let done = outcome
      found.withLock { $0[number] = done }
      let info = work[tensor].reading.tensor.info
      engine.progress.advance(
        byteCount: info.byteCount / work[tensor].pieceCount)
    }
    let pieces = found.withLock { $0 }
    var errors: [any UserError] = []
    for (index, tensor) in tensors.enumerated() {
      var rules: [GroupRule] = []
      var nonfinite = NonfiniteTally()
      for piece in pieces[starts[index]..<starts[index + 1]] {
        rules += piece!.rules
        nonfinite.merge(piece!.nonfinite)
        result.tensors[tensor.number].before.merge(piece!.before)
        result.tensors[tensor.number].after.merge(piece!.after)
        result.tensors[tensor.number].decisions += piece!.decisions
      }
      result.tensors[tensor.number].rule = TensorRule(
        choice: tensor.groups.areStrided
          ? .rows(rules) : .groups(length: tensor.groups.length, rules))
      if let error = tensor.groups.reading.error(nonfinite) { errors.append(error) }
    }
    try SeveralErrors.throwIfAny(errors)
  }
}

extension [Int] {
  /// Returns the index of the first number over `value`. The numbers must ascend.
  fileprivate func partitioningIndex(above value: Int) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] > value { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
