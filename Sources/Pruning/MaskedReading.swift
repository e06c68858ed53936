import Base
import Checkpoints
import TensorCore

/// A reader of a tensor to prune: its values as float32, their scores, and the mask of kept weights.
struct MaskedReading: Sendable {
  let tensor: LazyTensor
  /// The rows of the tensor: the weights of one output each.
  let rows: RowGeometry
  let score: any PruningScore
  let initialMask: InitialMask

  // MARK: Memory

  static func maskByteCount(_ elementCount: Int) -> Int {
    (Kernels.maskByteCount(elementCount: elementCount) + 63) & ~63
  }

  /// Returns the size of the scratch memory for `read`, in bytes.
  private func scratchByteCount(elementCount: Int) -> Int {
    max(
      FloatReader(tensor).scratchByteCount(elementCount: elementCount),
      score.scratchByteCount(tensor, elementCount: elementCount),
      initialMask.scratchByteCount(tensor, elementCount: elementCount))
  }

  /// Returns the layout of the memory for `elementCount` elements: values, scores, a mask, and scratch memory
  /// for `read` and `apply`.
  ///
  /// The scores have no memory if they are the values themselves.
  /// - Parameter extra: The scratch memory that is needed after the elements are read, in bytes.
  func workspace(elementCount: Int, extra: Int = 0) -> WorkspaceLayout {
    let floats = FloatReader.byteCount(elementCount: elementCount)
    return WorkspaceLayout(
      floats, score.isMagnitude ? 0 : floats, Self.maskByteCount(elementCount),
      scratch: max(
        scratchByteCount(elementCount: elementCount), Self.maskByteCount(elementCount), extra),
      alignment: 64)
  }

  // MARK: Reading

  /// True if nothing was pruned before.
  var startsWhole: Bool { if case .nothing = initialMask { true } else { false } }

  /// Reads the `values` and `scores` (F32) of `elements`, and sets the mask bits of weights that were not
  /// pruned before.
  ///
  /// - Parameters:
  ///   - counts: True to count values that are not finite.
  ///   - scores: Not filled if the values are their own scores.
  /// - Returns: The tally of values that are not finite.
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

  /// Reads the `values` of `elements` as `read` does, without scores.
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

  /// Passes the scores that were read to `body`: `scores`, or `values` if the values are their own scores.
  func withScores<Result>(
    _ values: borrowing RawSpan, _ scores: borrowing RawSpan,
    _ body: (borrowing RawSpan) throws -> Result
  ) rethrows -> Result {
    score.isMagnitude ? try body(values) : try body(scores)
  }

  /// Computes the `scores` of values that are in memory.
  @_lifetime(scores: copy scores)
  @_lifetime(scratch: copy scratch)
  private func replaceScores(
    _ values: borrowing RawSpan, _ scores: inout MutableRawSpan, _ elements: Range<Int>,
    scratch: inout MutableRawSpan
  ) throws {
    guard !score.isMagnitude else { return }
    scores.copy(values)
    try score.replace(&scores, of: tensor, rows, elements, scratch: &scratch)
  }

  /// Computes the values, scores and mask of `elements` from stored values that are in memory.
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

  /// Clears the mask bits of weights that `rule` does not keep.
  ///
  /// Elements of a pattern are whole groups.
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  func apply(
    _ rule: TensorRule, _ elements: Range<Int>, scores: borrowing RawSpan,
    to mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    scratch.split(at: Self.maskByteCount(elements.count)) { kept, rest in
      switch rule.choice {
      case .groups(let length, let rules):
        Self.markKept(rules, length, elements, scores, in: &kept)
      case .rows(let rules):
        kept.fill()
        StridedRows(rows).markKept(rules, elements, scores, in: &kept)
      case .pattern(let keep, let group) where rows.isContiguous:
        Self.markPattern(keep, group, max(1, rows.length), elements, scores, in: &kept)
      case .pattern(let keep, let group):
        kept.fill()
        StridedRows(rows).markPattern(keep, group, elements, scores, in: &kept, scratch: &rest)
      }
      mask.formIntersection(
        kept.bytes, byteCount: Kernels.maskByteCount(elementCount: elements.count))
    }
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
      // Ties are kept before this element, not after it.
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
  /// Clears the bits that are not set in `other`.
  @_lifetime(self: copy self)
  mutating func formIntersection(_ other: borrowing RawSpan, byteCount: Int) {
    var byteOffset = 0
    while byteOffset + 8 <= byteCount {
      let word =
        bytes.littleEndian(UInt64.self, at: byteOffset)! & other.littleEndian(
          UInt64.self, at: byteOffset)!
      storeLittleEndian(word, at: byteOffset)
      byteOffset += 8
    }
    while byteOffset < byteCount {
      let byte =
        bytes.littleEndian(UInt8.self, at: byteOffset)! & other.littleEndian(
          UInt8.self, at: byteOffset)!
      storeLittleEndian(byte, at: byteOffset)
      byteOffset += 1
    }
  }
}
