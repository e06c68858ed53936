/// What is wrong with a CBOR item, and at which byte.
package struct CBORError: Error, Equatable, Sendable {
  package enum Problem: Equatable, Sendable {
    /// An item needs more bytes than the input has left, be it a head, a string, or the elements of
    /// an array or a map, each of which takes at least a byte.
    case truncated(needed: UInt64, available: Int)
    case wrongKind(CBORKind, expected: CBORKind)
    /// An argument in more bytes than it needs.
    case notShortest
    case indefiniteLength
    /// A first byte to which RFC 8949 gives no meaning.
    case reservedHead(UInt8)
    case tag
    /// A simple value other than `false`, `true` and `null`.
    case simpleValue(UInt8)
    /// A float of fewer than 64 bits.
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
  /// From the first byte of the input.
  package var byteOffset: Int

  package init(_ problem: Problem, at byteOffset: Int) {
    self.problem = problem
    self.byteOffset = byteOffset
  }

  /// What was expected and what was found.
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
    case .narrowFloat(let bits): "expected a float of 64 bits, found one of \(bits)"
    case .nonCanonicalNaN: "expected NaN as 7ff8000000000000, found another pattern"
    case .invalidUTF8: "expected UTF-8, found bytes that are not"
    case .keyNotText(let found): "expected a text string as the key, found \(found)"
    case .keyOrder: "expected keys in bytewise order of their encoding, found one before the last"
    case .duplicateKey(let key): "expected each key once, found '\(key.printable)' twice"
    case .integerOutOfRange: "expected an integer of 64 bits with a sign, found one beyond"
    case .tooDeep(let limit): "expected at most \(limit) levels of nesting, found more"
    case .tooManyItems(let limit): "expected at most \(limit) items, found more"
    case .trailingBytes(let count): "expected the end of the input, found \(count) bytes more"
    }
  }
}

extension CBORError: CustomStringConvertible {
  package var description: String { "byte \(byteOffset): \(reason)" }
}
