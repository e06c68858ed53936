extension [UInt8] {
  /// Two lowercase hexadecimal digits for each byte.
  package var hexadecimal: String {
    var digits: [UInt8] = []
    digits.reserveCapacity(2 * count)
    for byte in self {
      for half in [byte >> 4, byte & 15] {
        digits.append(half < 10 ? UInt8(ascii: "0") + half : UInt8(ascii: "a") + half - 10)
      }
    }
    return String(decoding: digits, as: UTF8.self)
  }
}

extension [UInt8] {
  /// The bytes of a text of lowercase hexadecimal digits; nil for any other text.
  package init?(hexadecimal text: String) {
    guard text.utf8.count % 2 == 0 else { return nil }
    self = []
    reserveCapacity(text.utf8.count / 2)
    var high: UInt8?
    for digit in text.utf8 {
      let half: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): half = digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): half = digit - UInt8(ascii: "a") + 10
      default: return nil
      }
      if let first = high {
        append(first << 4 | half)
        high = nil
      } else {
        high = half
      }
    }
  }
}
