/// An error in a JSON text: the problem and the byte offset where it was found.
package struct JSONError: Error, Equatable, Sendable {
  /// The tokens that the grammar allows at a position.
  package enum Expectation: String, CaseIterable, Sendable {
    case value = "a value"
    case valueOrEnd = "a value or ']'"
    case key = "a key in double quotes"
    case keyOrEnd = "a key in double quotes or '}'"
    case colon = "':'"
    case commaOrObjectEnd = "',' or '}'"
    case commaOrArrayEnd = "',' or ']'"
    case stringEnd = "'\"' at the end of the string"
    case escape = "one of \"\\/bfnrtu after a backslash"
    case hexDigit = "a hexadecimal digit"
    case digit = "a digit"
    case literal = "true, false or null"
  }

  /// The kind of an error.
  package enum Problem: Equatable, Sendable {
    case unexpectedByte(UInt8, expected: Expectation)
    case unexpectedEnd(expected: Expectation)
    case wrongKind(JSONKind, expected: JSONKind)
    case byteOrderMark
    case trailingComma
    case trailingBytes(first: UInt8)
    case controlCharacter(UInt8)
    case invalidUTF8
    /// An escaped half of a UTF-16 surrogate pair without the other half.
    case loneSurrogate(UInt16)
    case leadingZero
    /// A number with a fraction or an exponent, or `-0`, where an integer is required.
    case notAnInteger
    /// A negative number where an unsigned integer is required.
    case negative
    /// An integer that does not fit in 64 bits.
    case overflow
    case duplicateKey(String)
    case tooDeep(limit: Int)
  }

  package var problem: Problem
  /// The offset of the problem from the start of the text.
  package var byteOffset: Int

  package init(_ problem: Problem, at byteOffset: Int) {
    self.problem = problem
    self.byteOffset = byteOffset
  }

  /// A text that states what was expected and what was found.
  package var reason: String {
    switch problem {
    case .unexpectedByte(let byte, let expected):
      "expected \(expected.rawValue), found \(Self.name(of: byte))"
    case .unexpectedEnd(let expected):
      "expected \(expected.rawValue), found the end of the text"
    case .wrongKind(let found, let expected): "expected \(expected), found \(found)"
    case .byteOrderMark: "expected a value, found a byte order mark"
    case .trailingComma: "expected another member after ',', found the end of the object or array"
    case .trailingBytes(let first):
      "expected the end of the text, found \(Self.name(of: first)) after the value"
    case .controlCharacter(let byte):
      "expected control characters in strings to be escaped, found \(Self.name(of: byte))"
    case .invalidUTF8: "expected UTF-8, found invalid bytes"
    case .loneSurrogate(let unit):
      "expected a pair of surrogates, found \\u\(String(unit, radix: 16)) alone"
    case .leadingZero: "expected a number without leading zeros, found a leading zero"
    case .notAnInteger: "expected an integer, found a fraction, an exponent or -0"
    case .negative: "expected an unsigned integer, found a negative number"
    case .overflow: "expected a 64-bit integer, found a larger number"
    case .duplicateKey(let key): "expected each key once, found '\(key.printable)' twice"
    case .tooDeep(let limit): "expected at most \(limit) levels of nesting, found a deeper one"
    }
  }

  private static func name(of byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "'"): "a single quote"
    case 0x20...0x7E: "'\(Unicode.Scalar(byte))'"
    case 0..<0x10: "byte 0x0\(String(byte, radix: 16))"
    default: "byte 0x\(String(byte, radix: 16))"
    }
  }
}

extension JSONError: CustomStringConvertible {
  package var description: String { "byte \(byteOffset): \(reason)" }
}
