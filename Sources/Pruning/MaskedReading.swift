import Base
import Checkpoints
import TensorCore

/// Reading of a tensor that is pruned: values as float32, their scores, and what is kept of them.
struct MaskedReading: Sendable {
  let tensor: LazyTensor
  let score: any PruningScore
  let initialMask: InitialMask

  static func maskByteCount(_ elementCount: Int) -> Int {
    (Kernels.maskByteCount(elementCount: elementCount) + 63) & ~63
  }

  /// What `read` needs besides what it fills.
  func scratchByteCount(elementCount: Int) -> Int {
    max(
      tensor.info.dtype.byteCount(of: elementCount)!
        + tensor.source.scratchByteCount(elementCount: elementCount),
      score.scratchByteCount(tensor, elementCount: elementCount),
      initialMask.scratchByteCount(tensor, elementCount: elementCount))
  }

  /// Whether nothing was pruned before.
  var startsWhole: Bool { if case .nothing = initialMask { true } else { false } }

  /// Bytes of the scores of so many elements: none where they are the values themselves.
  func scoreByteCount(_ elementCount: Int) -> Int { score.isMagnitude ? 0 : 4 * elementCount }

  /// Fills `values` and `scores` (F32) of `elements`, and sets the bits of what was not pruned before.
  ///
  /// `scores` has `scoreByteCount` bytes: where that is none, values are their own scores.
  @_lifetime(values: copy values)
  @_lifetime(scores: copy scores)
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, values: inout MutableRawSpan, scores: inout MutableRawSpan,
    mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let info = tensor.info
    if info.dtype == .f32 {
      try tensor.source.read(elements, into: &values, scratch: &scratch)
      try initialMask.fill(&mask, tensor, elements, stored: values.bytes, scratch: &scratch)
    } else {
      try scratch.split(at: info.dtype.byteCount(of: elements.count)!) { stored, rest in
        try tensor.source.read(elements, into: &stored, scratch: &rest)
        try Kernels.best.convert(
          stored.bytes, from: info.dtype, to: .f32, elementCount: elements.count,
          saturating: false, into: &values)
        try initialMask.fill(&mask, tensor, elements, stored: stored.bytes, scratch: &rest)
      }
    }
    try replaceScores(values.bytes, &scores, elements, scratch: &scratch)
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
    try Kernels.best.convert(
      stored, from: tensor.info.dtype, to: .f32, elementCount: elements.count, saturating: false,
      into: &values)
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
