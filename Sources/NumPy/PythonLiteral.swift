import Base

/// A value of the part of Python's literals that headers of .npy files use.
enum PythonLiteral: Equatable {
  /// A string without its quotes. Escape sequences are kept as they are written.
  case string(String)
  /// A number, `True`, `False`, `None`, or any other word, which is not a literal.
  case word(String)
  case tuple([PythonLiteral])
  case list([PythonLiteral])
  case dictionary([Entry])

  /// A key and a value of a dictionary.
  struct Entry: Equatable {
    var key: PythonLiteral
    var value: PythonLiteral
    /// The offset of the key in the text.
    var byteOffset: Int
  }

  /// A short description for messages.
  var summary: String {
    switch self {
    case .string(let text): "the string '\(text.prefix(40))'".printable
    case .word(let text): "\(text.prefix(40))".printable
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    }
  }
}

/// Parses the literals of a header: strings, words, tuples, lists and dictionaries.
///
/// Comments, operators, calls, prefixes of strings and strings next to each other are refused.
struct PythonLiteralParser {
  /// A fault of the text.
  struct Failure: Error {
    var reason: String
    var byteOffset: Int
  }

  /// The maximum nesting of values.
  static let maximumDepth = 32

  private let bytes: [UInt8]
  /// True if the text is UTF-8, false if it is Latin-1.
  private let isUTF8: Bool
  private var offset = 0

  private init(_ bytes: [UInt8], isUTF8: Bool) {
    self.bytes = bytes
    self.isUTF8 = isUTF8
  }

  /// Parses a text that consists of one value.
  /// - Complexity: O(*n*) for *n* bytes.
  static func parse(_ bytes: [UInt8], isUTF8: Bool) throws(Failure) -> PythonLiteral {
    var parser = PythonLiteralParser(bytes, isUTF8: isUTF8)
    let value = try parser.value(depth: 0)
    if let byte = parser.peek() { throw parser.unexpected(byte, expected: "the end") }
    return value
  }

  /// Skips white space and returns the next byte without reading it; nil at the end.
  private mutating func peek() -> UInt8? {
    while offset < bytes.count {
      switch bytes[offset] {
      case UInt8(ascii: " "), 0x09, 0x0A, 0x0C, 0x0D: offset += 1
      default: return bytes[offset]
      }
    }
    return nil
  }

  private mutating func value(depth: Int) throws(Failure) -> PythonLiteral {
    guard depth <= Self.maximumDepth else {
      throw Failure(reason: "values are nested too deeply", byteOffset: offset)
    }
    guard let byte = peek() else { throw end(expected: "a value") }
    switch byte {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return try string(quote: byte)
    case UInt8(ascii: "("): return try parentheses(depth: depth)
    case UInt8(ascii: "["):
      offset += 1
      return .list(try items(until: UInt8(ascii: "]"), depth: depth).values)
    case UInt8(ascii: "{"): return try dictionary(depth: depth)
    default: return try word(byte)
    }
  }

  private mutating func parentheses(depth: Int) throws(Failure) -> PythonLiteral {
    offset += 1
    let (values, commaCount) = try items(until: UInt8(ascii: ")"), depth: depth)
    // One value without a comma is the value itself.
    if values.count == 1, commaCount == 0 { return values[0] }
    return .tuple(values)
  }

  /// Reads values that are separated by commas, up to and including the closing bracket.
  private mutating func items(
    until closing: UInt8, depth: Int
  ) throws(Failure) -> (values: [PythonLiteral], commaCount: Int) {
    var values: [PythonLiteral] = []
    var commaCount = 0
    while true {
      if try closes(with: closing) { return (values, commaCount) }
      values.append(try value(depth: depth + 1))
      if try comma(orClosing: closing) {
        commaCount += 1
      } else {
        offset += 1
        return (values, commaCount)
      }
    }
  }

  private mutating func dictionary(depth: Int) throws(Failure) -> PythonLiteral {
    offset += 1
    let closing = UInt8(ascii: "}")
    var entries: [PythonLiteral.Entry] = []
    while true {
      if try closes(with: closing) { return .dictionary(entries) }
      let start = offset
      let key = try value(depth: depth + 1)
      guard let colon = peek() else { throw end(expected: "':'") }
      guard colon == UInt8(ascii: ":") else { throw unexpected(colon, expected: "':'") }
      offset += 1
      let value = try value(depth: depth + 1)
      entries.append(PythonLiteral.Entry(key: key, value: value, byteOffset: start))
      guard try comma(orClosing: closing) else {
        offset += 1
        return .dictionary(entries)
      }
    }
  }

  /// Reads a closing bracket if it is next.
  private mutating func closes(with closing: UInt8) throws(Failure) -> Bool {
    guard let byte = peek() else { throw end(expected: "a value or a closing bracket") }
    guard byte == closing else { return false }
    offset += 1
    return true
  }

  /// Reads a comma and returns true, or returns false if the closing bracket is next.
  private mutating func comma(orClosing closing: UInt8) throws(Failure) -> Bool {
    let expected = "',' or '\(Character(Unicode.Scalar(closing)))'"
    guard let byte = peek() else { throw end(expected: expected) }
    if byte == closing { return false }
    guard byte == UInt8(ascii: ",") else { throw unexpected(byte, expected: expected) }
    offset += 1
    return true
  }

  private mutating func string(quote: UInt8) throws(Failure) -> PythonLiteral {
    let start = offset + 1
    offset = start
    while offset < bytes.count {
      let byte = bytes[offset]
      if byte == quote {
        let text = text(start..<offset)
        offset += 1
        return .string(text)
      }
      guard byte >= 0x20 else { break }
      offset += byte == UInt8(ascii: "\\") ? 2 : 1
    }
    throw Failure(reason: "a string does not end", byteOffset: start - 1)
  }

  private mutating func word(_ first: UInt8) throws(Failure) -> PythonLiteral {
    let start = offset
    while offset < bytes.count, Self.isWordByte(bytes[offset]) { offset += 1 }
    guard offset > start else { throw unexpected(first, expected: "a value") }
    return .word(text(start..<offset))
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
      UInt8(ascii: "+"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private func text(_ range: Range<Int>) -> String {
    if isUTF8 { return String(decoding: bytes[range], as: UTF8.self) }
    return bytes[range].reduce(into: "") { $0.unicodeScalars.append(Unicode.Scalar($1)) }
  }

  private func unexpected(_ byte: UInt8, expected: String) -> Failure {
    let found =
      byte >= 0x21 && byte < 0x7F
      ? "'\(Character(Unicode.Scalar(byte)))'" : "the byte \([byte].hexadecimal)"
    return Failure(reason: "found \(found), expected \(expected)", byteOffset: offset)
  }

  private func end(expected: String) -> Failure {
    Failure(reason: "it ends early, expected \(expected)", byteOffset: bytes.count)
  }
}
