package import Base
import TensorCore

/// An index codec that keeps N of every M consecutive elements of a row. Specification, section 10.3.
///
/// The kept positions of a group form one of B = M! / (N! (M − N)!) patterns, which are numbered in lexicographic
/// order. A byte contains as many numbers in base B as fit, least significant digit first: three for 2:4, where B is
/// 6. If B is over 256, each number needs two bytes.
package struct NMIndex: IndexCodec {
  package static let id: UInt8 = 3
  package static let name = "nm"
  package static let explanation = """
    Stores which n of every m consecutive values of a row are kept, such as 2:4: the number of
    the pattern of each group, several numbers in a byte.
    """
  package static let largestGroup = 16

  package let kept: Int
  package let group: Int
  private let rowLength: Int
  /// The bits of each pattern, by number.
  private let patterns: [UInt16]
  /// The number of each pattern, by its bits.
  private let numbers: [UInt16]
  /// The bits of all groups that a byte encodes, by byte; nil for invalid bytes.
  private let bitsOfBytes: [UInt64?]

  /// - Parameters:
  ///   - kept: N, at least 1 and less than `group`.
  ///   - group: M, at most 16.
  package init(kept: Int, of group: Int, dimensions: [Int]) {
    precondition(group <= Self.largestGroup && kept >= 1 && kept < group)
    self.kept = kept
    self.group = group
    rowLength = max(1, dimensions.last ?? 1)
    let patterns = Self.patterns(kept: kept, group: group)
    self.patterns = patterns
    var numbers = [UInt16](repeating: 0, count: 1 << group)
    for (number, pattern) in patterns.enumerated() { numbers[Int(pattern)] = UInt16(number) }
    self.numbers = numbers
    let perByte = Self.patternsPerByte(patterns.count)
    bitsOfBytes =
      perByte == 0
      ? []
      : (0..<256).map { byte in
        var (rest, bits) = (byte, UInt64(0))
        for digit in 0..<perByte {
          bits |= UInt64(patterns[rest % patterns.count]) << UInt64(digit * group)
          rest /= patterns.count
        }
        return rest == 0 ? bits : nil
      }
  }

  package init(_ parameters: CBORMap, dimensions: [Int]) throws(CodecProblem) {
    var reader = ParameterReader(parameters, of: Self.name)
    let group = try reader.integer("m", in: 2...Self.largestGroup)
    let kept = try reader.integer("n", in: 1...group - 1)
    try reader.finish()
    self.init(kept: kept, of: group, dimensions: dimensions)
  }

  package var parameters: CBORMap { ["n": CBORValue(kept), "m": CBORValue(group)] }
  package var label: String { "\(kept):\(group)" }

  private static func patterns(kept: Int, group: Int) -> [UInt16] {
    /// Returns all ways to keep `count` of the positions from `first` on.
    func choose(_ count: Int, from first: Int) -> [UInt16] {
      guard count > 0 else { return [0] }
      return (first...(group - count)).flatMap { position in
        choose(count - 1, from: position + 1).map { 1 << UInt16(position) | $0 }
      }
    }
    return choose(kept, from: 0)
  }

  private var patternsPerByte: Int { Self.patternsPerByte(patterns.count) }

  /// Returns how many numbers fit in a byte; 0 if a number needs two bytes.
  private static func patternsPerByte(_ patternCount: Int) -> Int {
    guard patternCount <= 256 else { return 0 }
    var (count, product) = (0, 1)
    while product * patternCount <= 256 { (count, product) = (count + 1, product * patternCount) }
    return count
  }

  /// Returns true if every group of a chunk is whole, so that groups are adjacent runs of bits.
  private func hasWholeGroups(_ layout: ChunkLayout) -> Bool {
    rowLength % group == 0 && layout.elements.lowerBound % group == 0
      && layout.elementCount % group == 0
  }

  /// Calls `body` with the first element and the length of each group of a chunk; groups start at each row.
  private func forEachGroup(_ layout: ChunkLayout, _ body: (_ start: Int, _ length: Int) -> Bool) {
    var start = 0
    let first = layout.elements.lowerBound % rowLength
    while start < layout.elementCount {
      let inRow = (first + start) % rowLength
      let length = min(
        group - inRow % group, rowLength - inRow, layout.elementCount - start)
      guard body(start, length) else { return }
      start += length
    }
  }

  private func groupCount(_ layout: ChunkLayout) -> Int {
    var count = 0
    let wholeRows =
      layout.elements.lowerBound % rowLength == 0 && layout.elementCount % rowLength == 0
    if wholeRows {
      count = layout.elementCount / rowLength * ((rowLength + group - 1) / group)
    } else {
      forEachGroup(layout) { _, _ in
        count += 1
        return true
      }
    }
    return count
  }

  package func streamByteCounts(_ layout: ChunkLayout, valueCount: Int) -> [ClosedRange<Int>] {
    let groups = groupCount(layout)
    let count =
      patternsPerByte == 0 ? 2 * groups : (groups + patternsPerByte - 1) / patternsPerByte
    return [count...count]
  }

  @_lifetime(mask: copy mask)
  package func complete(_ mask: inout MutableRawSpan, _ layout: ChunkLayout) -> Bool {
    guard let missing = missingPositions(mask.bytes, layout) else { return false }
    for position in missing { mask.setBit(position) }
    return true
  }

  /// Returns the lowest free positions of groups that keep fewer than N, or nil if a group keeps more.
  private func missingPositions(_ mask: RawSpan, _ layout: ChunkLayout) -> [Int]? {
    if hasWholeGroups(layout),
      (0..<layout.elementCount / group).allSatisfy({
        mask.bits(at: $0 * group, count: group).nonzeroBitCount == kept
      })
    {
      return []
    }
    var positions: [Int] = []
    var fits = true
    forEachGroup(layout) { start, length in
      let set = (0..<length).filter { mask.bit(start + $0) }
      let missing = min(kept, length) - set.count
      fits = missing >= 0
      if missing > 0 {
        positions += (0..<length).filter { !set.contains($0) }.prefix(missing).map { start + $0 }
      }
      return fits
    }
    return fits ? positions : nil
  }

  @_lifetime(streams: copy streams)
  package func encode(
    _ mask: borrowing RawSpan, _ layout: ChunkLayout, valueCount: Int,
    into streams: inout MutableRawSpan
  ) -> [Int] {
    var patternNumbers: [UInt16] = []
    let mask = copy mask
    if hasWholeGroups(layout) {
      patternNumbers = (0..<layout.elementCount / group).map {
        numbers[mask.bits(at: $0 * group, count: group)]
      }
      return [write(patternNumbers, into: &streams)]
    }
    forEachGroup(layout) { start, length in
      var pattern = 0
      for position in 0..<length where mask.bit(start + position) { pattern |= 1 << position }
      // A row that ends inside a group is treated as if the following positions were kept, as far as N requires.
      var position = length
      while pattern.nonzeroBitCount < kept {
        pattern |= 1 << position
        position += 1
      }
      patternNumbers.append(numbers[pattern])
      return true
    }
    return [write(patternNumbers, into: &streams)]
  }

  @_lifetime(streams: copy streams)
  private func write(_ numbers: [UInt16], into streams: inout MutableRawSpan) -> Int {
    let perByte = patternsPerByte
    guard perByte > 0 else {
      for (index, number) in numbers.enumerated() {
        streams.storeLittleEndian(number, at: 2 * index)
      }
      return 2 * numbers.count
    }
    let byteCount = (numbers.count + perByte - 1) / perByte
    for index in 0..<byteCount {
      let digits = numbers[index * perByte..<min(numbers.count, (index + 1) * perByte)]
      let byte = digits.reversed().reduce(0) { $0 * patterns.count + Int($1) }
      streams.storeBytes(of: UInt8(byte), toByteOffset: index, as: UInt8.self)
    }
    return byteCount
  }

  @_lifetime(mask: copy mask)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout, valueCount: Int,
    into mask: inout MutableRawSpan
  ) throws(CodecProblem) {
    mask.fill()
    let stream = buffer.extracting(streams[0])
    let perByte = patternsPerByte
    if perByte > 0, hasWholeGroups(layout) {
      let digits = layout.elementCount / group
      guard fill(&mask, from: stream, digitCount: digits, perByte: perByte) else {
        throw CodecProblem(.streams, "a byte does not encode patterns of \(label)")
      }
      return try check(mask.bytes, layout, valueCount: valueCount)
    }
    var (group, isValid) = (0, true)
    var byte = 0
    var bits = mask
    forEachGroup(layout) { start, length in
      let number: Int
      if perByte == 0 {
        number = Int(stream.littleEndian(UInt16.self, at: 2 * group)!)
      } else {
        if group % perByte == 0 {
          byte = Int(stream.littleEndian(UInt8.self, at: group / perByte)!)
        }
        number = byte % patterns.count
        byte /= patterns.count
      }
      group += 1
      guard number < patterns.count else {
        isValid = false
        return false
      }
      let pattern = patterns[number]
      // Positions after the end of a short group complete it, the lowest first.
      let beyond = pattern >> UInt16(length)
      if length < self.group, beyond & (beyond &+ 1) != 0 {
        isValid = false
        return false
      }
      for position in 0..<length where pattern >> UInt16(position) & 1 == 1 {
        bits.setBit(start + position)
      }
      // After the last digit of a byte, nothing must remain.
      if perByte > 0, group % perByte == 0, byte != 0 { isValid = false }
      return isValid
    }
    mask = bits
    guard isValid, perByte == 0 || group % perByte == 0 || byte == 0 else {
      throw CodecProblem(.streams, "a number does not encode a pattern of \(label)")
    }
    try check(mask.bytes, layout, valueCount: valueCount)
  }

  /// Writes the bits that each byte encodes to the mask, in order. Returns false if a byte is invalid.
  @_lifetime(mask: copy mask)
  private func fill(
    _ mask: inout MutableRawSpan, from stream: borrowing RawSpan, digitCount: Int, perByte: Int
  ) -> Bool {
    var (word, filled, byteOffset) = (UInt64(0), 0, 0)
    for index in 0..<stream.byteCount {
      let byte = Int(stream.littleEndian(UInt8.self, at: index)!)
      guard var bits = bitsOfBytes[byte] else { return false }
      let digits = min(perByte, digitCount - index * perByte)
      if digits < perByte {
        // The last byte may have fewer digits; the missing ones are 0 and encode nothing.
        guard (0..<digits).reduce(byte, { rest, _ in rest / patterns.count }) == 0 else {
          return false
        }
        bits &= 1 << UInt64(digits * group) - 1
      }
      word |= bits << UInt64(filled)
      filled += digits * group
      while filled >= 8 {
        mask.storeBytes(
          of: UInt8(truncatingIfNeeded: word), toByteOffset: byteOffset, as: UInt8.self)
        word >>= 8
        filled -= 8
        byteOffset += 1
      }
    }
    if filled > 0 {
      mask.storeBytes(of: UInt8(truncatingIfNeeded: word), toByteOffset: byteOffset, as: UInt8.self)
    }
    return true
  }
}

extension RawSpan {
  /// Returns up to 16 bits, starting at bit `index`.
  fileprivate func bits(at index: Int, count: Int) -> Int {
    var word = 0
    for byte in index / 8...(index + count - 1) / 8 {
      word |= Int(littleEndian(UInt8.self, at: byte)!) << (8 * (byte - index / 8))
    }
    return word >> (index % 8) & ((1 << count) - 1)
  }
}
