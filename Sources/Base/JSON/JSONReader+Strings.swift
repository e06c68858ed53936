extension JSONReader {
  @_lifetime(self: copy self)
  package mutating func readString() throws(JSONError) -> String {
    try expect(.string)
    let string = try takeString()
    valueWasRead()
    return string
  }

  /// Reads the next string, whose opening quote is at `byteOffset`.
  @_lifetime(self: copy self)
  mutating func takeString() throws(JSONError) -> String {
    let string = try scanString()
    guard string.hasEscapes else { return try text(string.content) }
    if !string.isASCII { try validateUTF8(string.content) }
    return unescaped(string.content)
  }

  /// Checks the next string, whose opening quote is at `byteOffset`, and moves past it.
  @_lifetime(self: copy self)
  mutating func passString() throws(JSONError) {
    let string = try scanString()
    if !string.isASCII { try validateUTF8(string.content) }
  }

  /// Returns the bytes in `range` as a string; they must be valid UTF-8.
  func text(_ range: Range<Int>) throws(JSONError) -> String {
    do {
      return String(copying: try UTF8Span(validating: bytes.extracting(range)))
    } catch {
      throw JSONError(.invalidUTF8, at: range.lowerBound + error.byteOffsets.lowerBound)
    }
  }

  private func validateUTF8(_ range: Range<Int>) throws(JSONError) {
    do {
      _ = try UTF8Span(validating: bytes.extracting(range))
    } catch {
      throw JSONError(.invalidUTF8, at: range.lowerBound + error.byteOffsets.lowerBound)
    }
  }

  /// The byte range of a string between its quotes, and properties of its content.
  private struct ScannedString {
    var content: Range<Int>
    var hasEscapes: Bool
    var isASCII: Bool
  }

  /// Finds the closing quote and moves past it. Checks escapes but not UTF-8.
  @_lifetime(self: copy self)
  private mutating func scanString() throws(JSONError) -> ScannedString {
    let start = byteOffset + 1
    var index = start
    var hasEscapes = false
    var union: UInt8 = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        byteOffset = index + 1
        return ScannedString(content: start..<index, hasEscapes: hasEscapes, isASCII: union < 0x80)
      }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        index = try scanEscape(at: index).end
        continue
      }
      guard byte >= 0x20 else { throw JSONError(.controlCharacter(byte), at: index) }
      union |= byte
      index += 1
    }
    throw end(.stringEnd)
  }

  /// Returns the text of a string that is known to be valid.
  private func unescaped(_ range: Range<Int>) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      if bytes[index] == UInt8(ascii: "\\"), let escape = try? scanEscape(at: index) {
        result.append(contentsOf: UTF8.encode(escape.scalar)!)
        index = escape.end
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Returns the scalar that the escape at `backslash` stands for, and the index after the escape.
  private func scanEscape(
    at backslash: Int
  ) throws(JSONError) -> (scalar: Unicode.Scalar, end: Int) {
    guard backslash + 1 < bytes.count else { throw end(.escape) }
    let scalar: Unicode.Scalar
    switch bytes[backslash + 1] {
    case UInt8(ascii: "\""): scalar = "\""
    case UInt8(ascii: "\\"): scalar = "\\"
    case UInt8(ascii: "/"): scalar = "/"
    case UInt8(ascii: "b"): scalar = "\u{8}"
    case UInt8(ascii: "f"): scalar = "\u{C}"
    case UInt8(ascii: "n"): scalar = "\n"
    case UInt8(ascii: "r"): scalar = "\r"
    case UInt8(ascii: "t"): scalar = "\t"
    case UInt8(ascii: "u"): return try scanUnicodeEscape(at: backslash)
    case let byte:
      throw JSONError(.unexpectedByte(byte, expected: .escape), at: backslash + 1)
    }
    return (scalar, backslash + 2)
  }

  /// Reads `\u` and four hexadecimal digits, or two such escapes that form a surrogate pair.
  private func scanUnicodeEscape(
    at backslash: Int
  ) throws(JSONError) -> (scalar: Unicode.Scalar, end: Int) {
    let unit = try scanHex(at: backslash + 2)
    if let scalar = Unicode.Scalar(unit) { return (scalar, backslash + 6) }
    let second = backslash + 6
    guard UTF16.isLeadSurrogate(unit), second + 1 < bytes.count,
      bytes[second] == UInt8(ascii: "\\"), bytes[second + 1] == UInt8(ascii: "u")
    else { throw JSONError(.loneSurrogate(unit), at: backslash) }
    let trail = try scanHex(at: second + 2)
    guard UTF16.isTrailSurrogate(trail) else {
      throw JSONError(.loneSurrogate(unit), at: backslash)
    }
    let value = 0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(trail & 0x3FF))
    return (Unicode.Scalar(value)!, backslash + 12)
  }

  private func scanHex(at start: Int) throws(JSONError) -> UInt16 {
    var unit: UInt16 = 0
    for index in start..<start + 4 {
      guard index < bytes.count else { throw end(.hexDigit) }
      let byte = bytes[index]
      guard let digit = Self.hexDigit(byte) else {
        throw JSONError(.unexpectedByte(byte, expected: .hexDigit), at: index)
      }
      unit = unit << 4 | digit
    }
    return unit
  }

  private static func hexDigit(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
