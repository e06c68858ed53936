/// An error in a CBOR item: the problem and the byte offset where it was found.
package struct CBORError: Error, Equatable, Sendable {
  /// The kind of an error.
  package enum Problem: Equatable, Sendable {
    /// An item (a head, a string, or the elements of an array or map, one byte each at least) needs more bytes than
    /// the input has left.
    case truncated(needed: UInt64, available: Int)
    case wrongKind(CBORKind, expected: CBORKind)
    /// The argument of a head uses more bytes than necessary.
    case notShortest
    case indefiniteLength
    /// The first byte has no meaning in RFC 8949.
    case reservedHead(UInt8)
    case tag
    /// A simple value other than `false`, `true` or `null`.
    case simpleValue(UInt8)
    /// A float with fewer than 64 bits.
    case narrowFloat(bits: Int)
    case nonCanonicalNaN
    case invalidUTF8
    case keyNotText(CBORKind)
    case keyOrder
    case duplicateKey(String)
    case integerOutOfRange
    case tooDeep(limit: Int)
    case tooManyItems(limit: Int)
    case trailingBytes(count: Int)
  }

  package var problem: Problem
  /// The offset of the problem from the start of the input.
  package var byteOffset: Int

  package init(_ problem: Problem, at byteOffset: Int) {
    self.problem = problem
    self.byteOffset = byteOffset
  }

  /// A text that states what was expected and what was found.
  package var reason: String {
    switch problem {
    case .truncated(let needed, let available):
      "expected at least \(needed) more bytes, found \(available)"
    case .wrongKind(let found, let expected): "expected \(expected), found \(found)"
    case .notShortest: "expected the shortest form of a number or length, found a longer one"
    case .indefiniteLength: "expected a definite length, found an indefinite one"
    case .reservedHead(let byte):
      "expected an item, found the reserved byte 0x\(String(byte, radix: 16))"
    case .tag: "expected an item without a tag, found a tag"
    case .simpleValue(let value): "expected false, true or null, found simple value \(value)"
    case .narrowFloat(let bits): "expected a float of 64 bits, found a float of \(bits) bits"
    case .nonCanonicalNaN: "expected NaN as 7ff8000000000000, found another pattern"
    case .invalidUTF8: "expected UTF-8, found invalid bytes"
    case .keyNotText(let found): "expected a text string as the key, found \(found)"
    case .keyOrder:
      "expected keys in bytewise order of their encoding, found a key that sorts before the last"
    case .duplicateKey(let key): "expected each key once, found '\(key.printable)' twice"
    case .integerOutOfRange:
      "expected a signed 64-bit integer, found a value out of range"
    case .tooDeep(let limit): "expected at most \(limit) levels of nesting, found a deeper one"
    case .tooManyItems(let limit): "expected at most \(limit) items, found more"
    case .trailingBytes(let count): "expected the end of the input, found \(count) more bytes"
    }
  }
}

extension CBORError: CustomStringConvertible {
  package var description: String { "byte \(byteOffset): \(reason)" }
}
