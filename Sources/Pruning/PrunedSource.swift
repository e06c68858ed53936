import Checkpoints
import TensorCore

/// Reads a tensor with 0 in the place of what a rule does not keep.
struct PrunedSource: TensorSource {
  let reading: MaskedReading
  let rule: TensorRule
  /// Whose values are kept: the tensor's own, or those it is rewound to.
  let values: any TensorSource
  /// Of `values`, which has the shape of the tensor.
  let dtype: DType

  func scratchByteCount(elementCount: Int) -> Int {
    MaskBuilder(reading: reading, rule: rule).scratchByteCount(elementCount: elementCount)
      + values.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try self.values.read(elements, into: &values, scratch: &scratch)
    let width = dtype.bitsPerElement / 8
    try MaskBuilder(reading: reading, rule: rule).withMask(elements, scratch: &scratch) { mask in
      Kernels.best.clear(unmasked: mask, width: width, in: &values)
    }
  }
}

/// The mask itself as a tensor: U8, 1 where a weight is kept.
struct MaskSource: TensorSource {
  let reading: MaskedReading
  let rule: TensorRule

  func scratchByteCount(elementCount: Int) -> Int {
    MaskBuilder(reading: reading, rule: rule).scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try MaskBuilder(reading: reading, rule: rule).withMask(elements, scratch: &scratch) { mask in
      values.fill(with: 1)
      Kernels.best.clear(unmasked: mask, width: 1, in: &values)
    }
  }
}

/// Makes the mask of any range of elements.
struct MaskBuilder: Sendable {
  let reading: MaskedReading
  let rule: TensorRule

  private var rowLength: Int { max(1, reading.tensor.info.shape.columnCount) }

  func scratchByteCount(elementCount: Int) -> Int {
    let count = padded(elementCount)
    return 8 * count + 2 * MaskedReading.maskByteCount(count)
      + reading.scratchByteCount(elementCount: count)
  }

  /// Groups of neighbours are seen whole, so a range may need some more elements on both sides.
  private func padded(_ elementCount: Int) -> Int {
    guard case .pattern(_, let group) = rule.choice else { return elementCount }
    return min(elementCount + 2 * group, reading.tensor.info.elementCount)
  }

  /// The groups of neighbours that `elements` touches; they are counted from the starts of rows.
  private func whole(_ elements: Range<Int>) -> Range<Int> {
    guard case .pattern(_, let group) = rule.choice else { return elements }
    func start(_ element: Int) -> Int {
      let row = element / rowLength * rowLength
      return row + (element - row) / group * group
    }
    let last = elements.upperBound - 1
    let rowEnd = (last / rowLength + 1) * rowLength
    return start(elements.lowerBound)..<min(rowEnd, start(last) + group)
  }

  @_lifetime(scratch: copy scratch)
  func withMask(
    _ elements: Range<Int>, scratch: inout MutableRawSpan, _ body: (borrowing RawSpan) -> Void
  ) throws {
    guard !elements.isEmpty else { return }
    let whole = whole(elements)
    let count = whole.count
    try scratch.split(at: 4 * count) { values, rest in
      try rest.split(at: 4 * count) { scores, rest in
        try rest.split(at: MaskedReading.maskByteCount(count)) { mask, rest in
          try reading.read(whole, values: &values, scores: &scores, mask: &mask, scratch: &rest)
          if case .pattern = rule.choice {
            // What was pruned before takes nobody's place.
            Kernels.best.clear(unmasked: mask.bytes, width: 4, in: &scores)
          }
          MaskedReading.apply(
            rule, whole, scores: scores.bytes, to: &mask, rowLength: rowLength, scratch: &rest)
          let offset = elements.lowerBound - whole.lowerBound
          mask.shiftBits(by: offset, count: elements.count)
          body(mask.bytes)
        }
      }
    }
  }
}

extension MutableRawSpan {
  /// Moves `count` bits from `offset` to the start.
  @_lifetime(self: copy self)
  fileprivate mutating func shiftBits(by offset: Int, count: Int) {
    guard offset > 0 else { return }
    for place in 0..<(count + 7) / 8 {
      var byte: UInt8 = 0
      for bit in 0..<8 where 8 * place + bit < count {
        let from = offset + 8 * place + bit
        let value = bytes.littleEndian(UInt8.self, at: from / 8)! >> UInt8(from % 8) & 1
        byte |= value << UInt8(bit)
      }
      storeLittleEndian(byte, at: place)
    }
  }
}
