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
    var bits = BitWriter(longestRun: min(length, elements.count))
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
    var bits = BitWriter(longestRun: min(rowLength, elements.count))
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

/// Appends runs of bits that do not begin on a byte.
private struct BitWriter: ~Copyable {
  private var position = 0
  private var pending: UInt8 = 0
  /// Bits of a run from its own first on.
  private var run: ByteBuffer

  /// - Parameter longestRun: elements of a run that does not begin on a byte.
  init(longestRun: Int) {
    run = ByteBuffer(byteCount: Kernels.maskByteCount(elementCount: longestRun))
  }

  @_lifetime(target: copy target)
  mutating func append(
    _ scores: borrowing RawSpan, threshold: UInt32, keepsTies: Bool,
    to target: inout MutableRawSpan
  ) {
    let count = scores.byteCount / 4
    guard !(position % 8 == 0) else {
      // On a byte: the kernel writes in place.
      var direct = target._mutatingExtracting(position / 8..<target.byteCount)
      Self.mark(scores, threshold, keepsTies, in: &direct)
      advance(count, &target)
      return
    }
    var bytes = run.mutableBytes
    Self.mark(scores, threshold, keepsTies, in: &bytes)
    shift(count, into: &target)
  }

  @_lifetime(target: copy target)
  mutating func append(
    _ scores: borrowing RawSpan, keep: Int, group: Int, to target: inout MutableRawSpan
  ) {
    let count = scores.byteCount / 4
    var bytes = run.mutableBytes
    Kernels.best.patternMask(scores, keep: keep, group: group, into: &bytes)
    shift(count, into: &target)
  }

  @_lifetime(mask: copy mask)
  private static func mark(
    _ scores: borrowing RawSpan, _ threshold: UInt32, _ keepsTies: Bool,
    in mask: inout MutableRawSpan
  ) {
    let count = scores.byteCount / 4
    guard threshold > 0 || !keepsTies else {
      for byte in 0..<Kernels.maskByteCount(elementCount: count) {
        mask.storeLittleEndian(UInt8.max, at: byte)
      }
      return
    }
    _ = Kernels.best.markLargest(
      scores, threshold: keepsTies ? threshold - 1 : threshold, ties: 0, into: &mask)
  }

  /// After bits that were written in place.
  @_lifetime(target: copy target)
  private mutating func advance(_ count: Int, _ target: inout MutableRawSpan) {
    position += count
    guard position % 8 != 0 else {
      pending = 0
      return
    }
    let last = target.bytes.littleEndian(UInt8.self, at: position / 8)!
    pending = last & ((1 << UInt8(position % 8)) - 1)
  }

  @_lifetime(target: copy target)
  private mutating func shift(_ count: Int, into target: inout MutableRawSpan) {
    let offset = position % 8
    var taken = 0
    var byte = position / 8
    var word = UInt16(pending)
    while taken < count {
      let bits = min(8, count - taken)
      let next =
        UInt16(run.bytes.littleEndian(UInt8.self, at: taken / 8)!) & ((1 << UInt16(bits)) - 1)
      word |= next << UInt16(offset)
      taken += bits
      guard offset + bits >= 8 else { break }
      target.storeLittleEndian(UInt8(truncatingIfNeeded: word), at: byte)
      byte += 1
      word >>= 8
    }
    position += count
    pending = UInt8(truncatingIfNeeded: word)
  }

  /// Writes the bits of a last byte that is not full.
  @_lifetime(target: copy target)
  func finish(_ target: inout MutableRawSpan) {
    if position % 8 != 0 { target.storeLittleEndian(pending, at: position / 8) }
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
