import Base
import Checkpoints
import TensorCore

/// Reading of a tensor that is pruned: values as float32, their scores, and what is kept of them.
struct MaskedReading: Sendable {
  let tensor: LazyTensor
  let score: any PruningScore
  let initialMask: InitialMask

  // MARK: Memory

  static func maskByteCount(_ elementCount: Int) -> Int {
    (Kernels.maskByteCount(elementCount: elementCount) + 63) & ~63
  }

  /// Bytes of scratch memory of `read`.
  private func scratchByteCount(elementCount: Int) -> Int {
    max(
      FloatReader(tensor).scratchByteCount(elementCount: elementCount),
      score.scratchByteCount(tensor, elementCount: elementCount),
      initialMask.scratchByteCount(tensor, elementCount: elementCount))
  }

  /// The memory of so many elements: values, scores, a mask, and scratch memory for `read` and `apply`.
  ///
  /// There is none for scores where they are the values themselves.
  /// - Parameter extra: bytes of scratch memory that are needed after the elements are read.
  func workspace(elementCount: Int, extra: Int = 0) -> WorkspaceLayout {
    let floats = FloatReader.byteCount(elementCount: elementCount)
    return WorkspaceLayout(
      floats, score.isMagnitude ? 0 : floats, Self.maskByteCount(elementCount),
      scratch: max(
        scratchByteCount(elementCount: elementCount), Self.maskByteCount(elementCount), extra),
      alignment: 64)
  }

  // MARK: Reading

  /// Whether nothing was pruned before.
  var startsWhole: Bool { if case .nothing = initialMask { true } else { false } }

  /// Fills `values` and `scores` (F32) of `elements`, and sets the bits of what was not pruned before.
  ///
  /// - Parameters:
  ///   - scores: not filled where values are their own scores.
  ///   - counts: whether values that are not finite are counted.
  @_lifetime(values: copy values)
  @_lifetime(scores: copy scores)
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  @discardableResult
  func read(
    _ elements: Range<Int>, counts: Bool = false, values: inout MutableRawSpan,
    scores: inout MutableRawSpan, mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws -> NonfiniteTally {
    let found = try readValues(
      elements, counts: counts, values: &values, mask: &mask, scratch: &scratch)
    try replaceScores(values.bytes, &scores, elements, scratch: &scratch)
    return found
  }

  /// The same without scores.
  @_lifetime(values: copy values)
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  func readValues(
    _ elements: Range<Int>, counts: Bool, values: inout MutableRawSpan,
    mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws -> NonfiniteTally {
    try FloatReader(tensor, counts ? .count : .allow).read(
      elements, into: &values, scratch: &scratch
    ) { stored, rest in
      try initialMask.fill(&mask, tensor, elements, stored: stored, scratch: &rest)
    }
  }

  /// Lends the scores that a read left: those in `scores`, or the values themselves.
  func withScores<Result>(
    _ values: borrowing RawSpan, _ scores: borrowing RawSpan,
    _ body: (borrowing RawSpan) throws -> Result
  ) rethrows -> Result {
    score.isMagnitude ? try body(values) : try body(scores)
  }

  /// Fills `scores` of values that are read already.
  @_lifetime(scores: copy scores)
  @_lifetime(scratch: copy scratch)
  private func replaceScores(
    _ values: borrowing RawSpan, _ scores: inout MutableRawSpan, _ elements: Range<Int>,
    scratch: inout MutableRawSpan
  ) throws {
    guard !score.isMagnitude else { return }
    scores.copy(values)
    try score.replace(&scores, of: tensor, elements, scratch: &scratch)
  }

  /// The mask of `elements` whose stored values are there already.
  @_lifetime(values: copy values)
  @_lifetime(scores: copy scores)
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  func take(
    _ stored: borrowing RawSpan, _ elements: Range<Int>, values: inout MutableRawSpan,
    scores: inout MutableRawSpan, mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try FloatReader(tensor).take(stored, of: elements, into: &values)
    try initialMask.fill(&mask, tensor, elements, stored: stored, scratch: &scratch)
    try replaceScores(values.bytes, &scores, elements, scratch: &scratch)
  }

  /// Clears the bits of what `rule` does not keep.
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  static func apply(
    _ rule: TensorRule, _ elements: Range<Int>, scores: borrowing RawSpan,
    to mask: inout MutableRawSpan, rowLength: Int, scratch: inout MutableRawSpan
  ) {
    var kept = scratch._mutatingExtracting(0..<maskByteCount(elements.count))
    switch rule.choice {
    case .groups(let length, let rules):
      markKept(rules, length, elements, scores, in: &kept)
    case .pattern(let keep, let group):
      markPattern(keep, group, rowLength, elements, scores, in: &kept)
    }
    mask.formIntersection(
      kept.bytes, byteCount: Kernels.maskByteCount(elementCount: elements.count))
  }

  @_lifetime(kept: copy kept)
  private static func markKept(
    _ rules: [GroupRule], _ length: Int, _ elements: Range<Int>, _ scores: borrowing RawSpan,
    in kept: inout MutableRawSpan
  ) {
    var bits = BitRunWriter(longestRun: min(length, elements.count))
    var start = elements.lowerBound
    while start < elements.upperBound {
      let group = start / length
      let end = min(elements.upperBound, (group + 1) * length)
      let rule = rules[group]
      // Ties count up to here, and not behind.
      let tieEnd = max(start, min(end, rule.tieEnd))
      for (run, ties) in [(start..<tieEnd, true), (tieEnd..<end, false)] where !run.isEmpty {
        let bytes =
          4 * (run.lowerBound - elements.lowerBound)..<4 * (run.upperBound - elements.lowerBound)
        bits.append(
          scores.extracting(bytes), threshold: rule.threshold, keepsTies: ties, to: &kept)
      }
      start = end
    }
    bits.finish(&kept)
  }

  @_lifetime(kept: copy kept)
  private static func markPattern(
    _ keep: Int, _ group: Int, _ rowLength: Int, _ elements: Range<Int>,
    _ scores: borrowing RawSpan, in kept: inout MutableRawSpan
  ) {
    guard rowLength % group != 0 else {
      return Kernels.best.patternMask(scores, keep: keep, group: group, into: &kept)
    }
    var bits = BitRunWriter(longestRun: min(rowLength, elements.count))
    var start = elements.lowerBound
    while start < elements.upperBound {
      let end = min(elements.upperBound, (start / rowLength + 1) * rowLength)
      let bytes = 4 * (start - elements.lowerBound)..<4 * (end - elements.lowerBound)
      bits.append(scores.extracting(bytes), keep: keep, group: group, to: &kept)
      start = end
    }
    bits.finish(&kept)
  }
}

extension MutableRawSpan {
  /// Keeps the bits that `other` has as well.
  @_lifetime(self: copy self)
  mutating func formIntersection(_ other: borrowing RawSpan, byteCount: Int) {
    var place = 0
    while place + 8 <= byteCount {
      let word =
        bytes.littleEndian(UInt64.self, at: place)! & other.littleEndian(UInt64.self, at: place)!
      storeLittleEndian(word, at: place)
      place += 8
    }
    while place < byteCount {
      let byte =
        bytes.littleEndian(UInt8.self, at: place)! & other.littleEndian(UInt8.self, at: place)!
      storeLittleEndian(byte, at: place)
      place += 1
    }
  }
}
