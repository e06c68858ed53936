import Base
import Checkpoints
import TensorCore

/// A builder of the mask for any range of elements of a tensor.
struct MaskBuilder: Sendable {
  let reading: MaskedReading
  let rule: TensorRule

  private var rows: RowGeometry { reading.rows }

  func scratchByteCount(elementCount: Int) -> Int {
    workspace(elementCount: padded(elementCount)).byteCount
  }

  private func workspace(elementCount: Int) -> WorkspaceLayout {
    var extra = 0
    if case .pattern(_, let group) = rule.choice, !rows.isContiguous {
      extra =
        MaskedReading.maskByteCount(elementCount)
        + StridedRows(rows).patternLayout(group: group).byteCount
    }
    return reading.workspace(elementCount: elementCount, extra: extra)
  }

  /// Returns the number of elements to read for a range. A pattern needs whole groups, so the range may grow
  /// on both sides.
  private func padded(_ elementCount: Int) -> Int {
    guard case .pattern(_, let group) = rule.choice else { return elementCount }
    let lines = min(group, rows.length)
    return min(elementCount + 2 * lines * rows.inner, reading.tensor.info.elementCount)
  }

  /// Returns the elements of the pattern groups that overlap `elements`. Groups start at the starts of rows.
  private func whole(_ elements: Range<Int>) -> Range<Int> {
    guard case .pattern(_, let group) = rule.choice else { return elements }
    // A line has the elements of all rows at one position.
    let (length, inner) = (max(1, rows.length), max(1, rows.inner))
    func start(_ line: Int) -> Int {
      let first = line / length * length
      return first + (line - first) / group * group
    }
    let last = (elements.upperBound - 1) / inner
    let end = min((last / length + 1) * length, start(last) + group)
    return start(elements.lowerBound / inner) * inner..<end * inner
  }

  /// Returns true if the mask of `elements` depends on their values only.
  func needsOnly(_ elements: Range<Int>) -> Bool {
    !elements.isEmpty && whole(elements) == elements
  }

  /// Reads the values that the mask of `elements` depends on, and passes the mask to `body`.
  @_lifetime(scratch: copy scratch)
  func withMask(
    _ elements: Range<Int>, scratch: inout MutableRawSpan, _ body: (borrowing RawSpan) -> Void
  ) throws {
    guard !elements.isEmpty else { return }
    let whole = whole(elements)
    try withBuffers(whole, &scratch) { values, scores, mask, rest in
      try reading.read(whole, values: &values, scores: &scores, mask: &mask, scratch: &rest)
      apply(whole, values: &values, scores: &scores, mask: &mask, scratch: &rest)
      mask.shiftBits(by: elements.lowerBound - whole.lowerBound, count: elements.count)
      body(mask.bytes)
    }
  }

  /// Passes the mask of `elements` to `body`, computed from stored values that are in memory.
  ///
  /// `needsOnly` must be true for `elements`.
  @_lifetime(stored: copy stored)
  @_lifetime(scratch: copy scratch)
  func withMask(
    _ elements: Range<Int>, of stored: inout MutableRawSpan, scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, inout MutableRawSpan) -> Void
  ) throws {
    try withBuffers(elements, &scratch) { values, scores, mask, rest in
      try reading.take(
        stored.bytes, elements, values: &values, scores: &scores, mask: &mask, scratch: &rest)
      apply(elements, values: &values, scores: &scores, mask: &mask, scratch: &rest)
      body(mask.bytes, &stored)
    }
  }

  @_lifetime(scratch: copy scratch)
  private func withBuffers(
    _ elements: Range<Int>, _ scratch: inout MutableRawSpan,
    _ body: (
      inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan
    ) throws -> Void
  ) throws {
    try workspace(elementCount: elements.count).withSpans(of: &scratch, body)
  }

  @_lifetime(values: copy values)
  @_lifetime(scores: copy scores)
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  private func apply(
    _ elements: Range<Int>, values: inout MutableRawSpan, scores: inout MutableRawSpan,
    mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    let isMagnitude = reading.score.isMagnitude
    if case .pattern = rule.choice, !reading.startsWhole {
      // Weights that were pruned before must not displace others in a group.
      if isMagnitude {
        Kernels.best.clear(unmasked: mask.bytes, width: 4, in: &values)
      } else {
        Kernels.best.clear(unmasked: mask.bytes, width: 4, in: &scores)
      }
    }
    reading.withScores(values.bytes, scores.bytes) { scores in
      reading.apply(rule, elements, scores: scores, to: &mask, scratch: &scratch)
    }
  }
}

extension MutableRawSpan {
  /// Moves `count` bits from the bit at `offset` to the start.
  @_lifetime(self: copy self)
  fileprivate mutating func shiftBits(by offset: Int, count: Int) {
    guard offset > 0 else { return }
    for byteOffset in 0..<(count + 7) / 8 {
      var byte: UInt8 = 0
      for bit in 0..<8 where 8 * byteOffset + bit < count {
        let from = offset + 8 * byteOffset + bit
        let value = bytes.littleEndian(UInt8.self, at: from / 8)! >> UInt8(from % 8) & 1
        byte |= value << UInt8(bit)
      }
      storeLittleEndian(byte, at: byteOffset)
    }
  }
}
