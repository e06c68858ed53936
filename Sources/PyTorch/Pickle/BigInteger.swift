import Base

/// Text of integers that do not fit into 64 bits.
enum BigInteger {
  /// The number of bytes above which a number is written in hexadecimal digits, because the conversion takes a time
  /// proportional to the square of the length.
  private static let decimalByteCount = 1024

  /// Returns the digits of an integer in little-endian two's complement bytes.
  /// - Complexity: O(*n*²) for *n* up to 1024 bytes, O(*n*) for more.
  static func text(_ bytes: [UInt8]) -> String {
    let isNegative = bytes.last.map { $0 >= 0x80 } ?? false
    let magnitude = isNegative ? negated(bytes) : bytes
    guard bytes.count <= decimalByteCount else {
      let digits = magnitude.reversed().drop { $0 == 0 }
      return (isNegative ? "-0x" : "0x") + Array(digits).hexadecimal
    }
    // 32-bit words, most significant first, divided by 10⁹ until nothing is left.
    var words: [UInt64] = stride(from: 0, to: magnitude.count, by: 4).map { start in
      magnitude[start..<min(start + 4, magnitude.count)].reversed().reduce(0) {
        $0 << 8 | UInt64($1)
      }
    }.reversed()
    var text = ""
    while let first = words.firstIndex(where: { $0 != 0 }) {
      words.removeFirst(first)
      var remainder: UInt64 = 0
      for index in words.indices {
        let value = remainder << 32 | words[index]
        words[index] = value / 1_000_000_000
        remainder = value % 1_000_000_000
      }
      let digits = String(remainder)
      let isLast = words.allSatisfy { $0 == 0 }
      text = (isLast ? "" : String(repeating: "0", count: 9 - digits.count)) + digits + text
    }
    return text.isEmpty ? "0" : (isNegative ? "-" : "") + text
  }

  private static func negated(_ bytes: [UInt8]) -> [UInt8] {
    var carry = true
    return bytes.map { byte in
      let (sum, overflow) = (~byte).addingReportingOverflow(carry ? 1 : 0)
      carry = overflow
      return sum
    }
  }
}
