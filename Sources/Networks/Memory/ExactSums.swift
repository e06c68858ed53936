/// Sums of float32 numbers without any rounding, so that they do not depend on the order of the numbers, nor on how the
/// numbers were divided among processes.
///
/// Every finite float32 is a multiple of 2⁻¹⁴⁹ below 2¹²⁸. A sum is such a multiple as an integer of 320 bits, which
/// holds 2⁴² numbers.
package struct ExactSums: Sendable, Equatable {
  /// The number of words of a sum.
  static let wordCount = 5
  /// The words of all sums, the lowest first, in two's complement.
  private var words: [UInt64]

  package init(count: Int) {
    words = Array(repeating: 0, count: count * Self.wordCount)
  }

  /// The number of sums.
  package var count: Int { words.count / Self.wordCount }

  /// Adds a finite number to the sum at `index`.
  /// - Complexity: O(1).
  package mutating func add(_ number: Float, at index: Int) {
    guard number != 0 else { return }
    let exponent = Int(number.exponentBitPattern)  // fits: 8 bits
    let fraction = UInt64(number.significandBitPattern)  // fits: 23 bits
    let mantissa = exponent == 0 ? fraction : fraction | 1 << 23
    let shift = max(exponent, 1) - 1
    let shifted = UInt128(mantissa) << UInt128(shift % 64)
    var place = index * Self.wordCount + shift / 64
    let end = (index + 1) * Self.wordCount
    let parts = [UInt64(truncatingIfNeeded: shifted), UInt64(truncatingIfNeeded: shifted >> 64)]
    var carries = false
    var part = 0
    while place < end, part < 2 || carries {
      let addend = part < 2 ? parts[part] : 0
      let (first, second): ((UInt64, Bool), (UInt64, Bool))
      if number.sign == .plus {
        first = words[place].addingReportingOverflow(addend)
        second = first.0.addingReportingOverflow(carries ? 1 : 0)
      } else {
        first = words[place].subtractingReportingOverflow(addend)
        second = first.0.subtractingReportingOverflow(carries ? 1 : 0)
      }
      words[place] = second.0
      carries = first.1 || second.1
      place += 1
      part += 1
    }
  }

  /// Adds other sums of the same count.
  package mutating func add(_ other: ExactSums) {
    for index in 0..<count {
      var carries = false
      for place in index * Self.wordCount..<(index + 1) * Self.wordCount {
        let first = words[place].addingReportingOverflow(other.words[place])
        let second = first.partialValue.addingReportingOverflow(carries ? 1 : 0)
        words[place] = second.partialValue
        carries = first.overflow || second.overflow
      }
    }
  }

  /// The sums, each rounded once to the nearest float64.
  package var numbers: [Double] { (0..<count).map(number) }

  private func number(_ index: Int) -> Double {
    var sum = Array(words[index * Self.wordCount..<(index + 1) * Self.wordCount])
    let isNegative = sum[Self.wordCount - 1] >> 63 == 1
    if isNegative {
      var carries = true
      for place in sum.indices {
        (sum[place], carries) = (~sum[place]).addingReportingOverflow(carries ? 1 : 0)
      }
    }
    guard let top = sum.lastIndex(where: { $0 != 0 }) else { return 0 }
    let shift = sum[top].leadingZeroBitCount
    let below = top > 0 ? sum[top - 1] : 0
    var bits = sum[top] << UInt64(shift)
    if shift > 0 { bits |= below >> UInt64(64 - shift) }
    // The lowest of the 64 bits stands for all bits below, as rounding to 53 bits needs to know.
    if below << UInt64(shift) != 0 || sum[..<max(0, top - 1)].contains(where: { $0 != 0 }) {
      bits |= 1
    }
    let magnitude = Double(
      sign: .plus, exponent: 64 * top - shift - 149, significand: Double(bits))
    return isNegative ? -magnitude : magnitude
  }

  // MARK: Bytes

  /// The sums as bytes, without those that the sign or zeros below determine: for each sum the number of zero bytes
  /// below, the number of bytes that follow, and these, the lowest first.
  package var bytes: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(12 * count)
    for index in 0..<count {
      var all: [UInt8] = []
      for word in words[index * Self.wordCount..<(index + 1) * Self.wordCount] {
        for byte in 0..<8 { all.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * byte))) }
      }
      let start = all.firstIndex { $0 != 0 } ?? 0
      var end = all.count
      // The sign of the last byte that is kept says what the bytes above are.
      while end > start + 1, all[end - 1] == (all[end - 2] >> 7 == 1 ? 255 : 0) { end -= 1 }
      result.append(UInt8(start))
      result.append(UInt8(end - start))
      result += all[start..<end]
    }
    return result
  }

  /// Reads sums from the front of `bytes`; nil if they are not `count` sums as ``bytes`` writes them.
  package init?(count: Int, bytes: inout ArraySlice<UInt8>) {
    self.init(count: count)
    let width = 8 * Self.wordCount
    for index in 0..<count {
      guard let first = bytes.popFirst(), let second = bytes.popFirst() else { return nil }
      let (start, length) = (Int(first), Int(second))  // fits: bytes
      guard length > 0, start + length <= width, bytes.count >= length else { return nil }
      let sign: UInt8 = bytes[bytes.startIndex + length - 1] >> 7 == 1 ? 255 : 0
      for place in start..<width {
        let byte = place < start + length ? bytes[bytes.startIndex + place - start] : sign
        words[index * Self.wordCount + place / 8] |= UInt64(byte) << UInt64(8 * (place % 8))
      }
      bytes.removeFirst(length)
    }
  }
}
