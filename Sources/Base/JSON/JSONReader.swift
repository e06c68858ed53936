/// A pull parser that reads the values of one JSON text (RFC 8259) in order, without building a tree.
///
/// The parser is strict. It rejects byte order marks, invalid UTF-8, unpaired surrogates, raw control characters in
/// strings, comments, trailing commas, leading zeros, `NaN`, `Infinity`, and bytes after the value. It does not
/// detect duplicate keys: use a set of `UTF8Key`, or `JSONValue.parse`, which rejects them; `keyByteOffset` is the
/// offset of the last key.
///
/// The caller reads each value once: the first value at the start, then one value after each key that `nextKey`
/// returns and after each `nextElement` that returns true. Any other order is a programming error and traps.
/// The reader must not be used after it has thrown an error.
/// - Complexity: O(*n*) for a text of *n* bytes; one byte of memory for each level of nesting.
package struct JSONReader: ~Copyable, ~Escapable {
  private enum Container: UInt8 { case object, array }

  private enum State {
    /// A value must be read next.
    case value
    /// A container was entered and nothing in it has been read.
    case first
    /// A value has been read.
    case next
  }

  package static let defaultDepthLimit = 128

  let bytes: Span<UInt8>
  /// The offset of the first unread byte.
  package internal(set) var byteOffset = 0
  /// The offset of the opening quote of the last key.
  package private(set) var keyByteOffset = 0
  private let depthLimit: Int
  private var containers: [Container] = []
  private var state = State.value

  @_lifetime(copy bytes)
  package init(_ bytes: borrowing RawSpan, depthLimit: Int = Self.defaultDepthLimit) {
    self.init(Span(_bytes: copy bytes), depthLimit: depthLimit)
  }

  @_lifetime(copy bytes)
  package init(_ bytes: borrowing Span<UInt8>, depthLimit: Int = Self.defaultDepthLimit) {
    self.bytes = copy bytes
    self.depthLimit = depthLimit
  }

  /// Returns the kind of the next value without reading it; skips the white space before it.
  @_lifetime(self: copy self)
  package mutating func peekKind() throws(JSONError) -> JSONKind {
    precondition(state == .value, "no value is due here")
    skipWhiteSpace()
    guard byteOffset < bytes.count else { throw end(.value) }
    let byte = bytes[byteOffset]
    switch byte {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    case 0xEF where startsWithByteOrderMark: throw JSONError(.byteOrderMark, at: 0)
    default: throw unexpected(.value)
    }
  }

  /// Enters an object; call `nextKey` before each member.
  @_lifetime(self: copy self)
  package mutating func enterObject() throws(JSONError) {
    try expect(.object)
    try enter(.object)
  }

  /// Enters an array; call `nextElement` before each element.
  @_lifetime(self: copy self)
  package mutating func enterArray() throws(JSONError) {
    try expect(.array)
    try enter(.array)
  }

  /// Returns the next key of the innermost object; its value must be read next. Leaves the object and returns nil at
  /// its end.
  @_lifetime(self: copy self)
  package mutating func nextKey() throws(JSONError) -> String? {
    guard try advance(in: .object) else { return nil }
    let key = try takeString()
    try passColon()
    return key
  }

  /// Returns true if the innermost array has another element, which must be read next; leaves the array otherwise.
  @_lifetime(self: copy self)
  package mutating func nextElement() throws(JSONError) -> Bool { try advance(in: .array) }

  /// Skips the next value after checking all of it except for duplicate keys.
  @_lifetime(self: copy self)
  package mutating func skipValue() throws(JSONError) {
    let depth = containers.count
    repeat {
      if state == .value {
        try skipScalarOrEnter()
      } else if containers.last == .array {
        _ = try nextElement()
      } else if try advance(in: .object) {
        try passString()
        try passColon()
      }
    } while containers.count > depth
  }

  /// Checks that only white space follows the value. Traps if the value has not been read completely.
  @_lifetime(self: copy self)
  package mutating func finish() throws(JSONError) {
    precondition(state == .next && containers.isEmpty, "the value has not been read completely")
    skipWhiteSpace()
    guard byteOffset == bytes.count else {
      throw JSONError(.trailingBytes(first: bytes[byteOffset]), at: byteOffset)
    }
  }
}

extension JSONReader {
  /// Checks that the next value is of the given kind.
  @_lifetime(self: copy self)
  mutating func expect(_ kind: JSONKind) throws(JSONError) {
    let found = try peekKind()
    guard found == kind else {
      throw JSONError(.wrongKind(found, expected: kind), at: byteOffset)
    }
  }

  @_lifetime(self: copy self)
  mutating func valueWasRead() { state = .next }

  func unexpected(_ expected: JSONError.Expectation) -> JSONError {
    JSONError(.unexpectedByte(bytes[byteOffset], expected: expected), at: byteOffset)
  }

  func end(_ expected: JSONError.Expectation) -> JSONError {
    JSONError(.unexpectedEnd(expected: expected), at: bytes.count)
  }

  private var startsWithByteOrderMark: Bool {
    byteOffset == 0 && bytes.count >= 3 && bytes[1] == 0xBB && bytes[2] == 0xBF
  }

  @_lifetime(self: copy self)
  private mutating func skipScalarOrEnter() throws(JSONError) {
    switch try peekKind() {
    case .object: try enter(.object)
    case .array: try enter(.array)
    case .string:
      try passString()
      valueWasRead()
    case .number:
      _ = try passNumber()
      valueWasRead()
    case .bool: _ = try readBool()
    case .null: try readNull()
    }
  }

  /// Enters the container whose opening bracket is at `byteOffset`, and moves past the bracket.
  @_lifetime(self: copy self)
  private mutating func enter(_ container: Container) throws(JSONError) {
    guard containers.count < depthLimit else {
      throw JSONError(.tooDeep(limit: depthLimit), at: byteOffset)
    }
    containers.append(container)
    byteOffset += 1
    state = .first
  }

  /// Moves to the next key or element, or leaves the container and returns false.
  @_lifetime(self: copy self)
  private mutating func advance(in container: Container) throws(JSONError) -> Bool {
    precondition(
      containers.last == container && state != .value,
      "not inside such a container, or a value must be read first")
    let close = UInt8(ascii: container == .object ? "}" : "]")
    skipWhiteSpace()
    guard byteOffset < bytes.count else { throw end(expected(in: container)) }
    if bytes[byteOffset] == close {
      byteOffset += 1
      containers.removeLast()
      state = .next
      return false
    }
    if state == .next {
      guard bytes[byteOffset] == UInt8(ascii: ",") else {
        throw unexpected(expected(in: container))
      }
      let comma = byteOffset
      byteOffset += 1
      skipWhiteSpace()
      guard byteOffset < bytes.count else { throw end(container == .object ? .key : .value) }
      guard bytes[byteOffset] != close else { throw JSONError(.trailingComma, at: comma) }
    }
    if container == .object {
      guard bytes[byteOffset] == UInt8(ascii: "\"") else {
        throw unexpected(state == .first ? .keyOrEnd : .key)
      }
      keyByteOffset = byteOffset
    }
    state = .value
    return true
  }

  private func expected(in container: Container) -> JSONError.Expectation {
    switch (container, state) {
    case (.object, .first): .keyOrEnd
    case (.array, .first): .valueOrEnd
    case (.object, _): .commaOrObjectEnd
    case (.array, _): .commaOrArrayEnd
    }
  }

  @_lifetime(self: copy self)
  private mutating func passColon() throws(JSONError) {
    skipWhiteSpace()
    guard byteOffset < bytes.count else { throw end(.colon) }
    guard bytes[byteOffset] == UInt8(ascii: ":") else { throw unexpected(.colon) }
    byteOffset += 1
  }

  @_lifetime(self: copy self)
  private mutating func skipWhiteSpace() {
    while byteOffset < bytes.count {
      switch bytes[byteOffset] {
      case 0x20, 0x0A, 0x0D, 0x09: byteOffset += 1
      default: return
      }
    }
  }
}
