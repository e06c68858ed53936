/// Pulls the values of one JSON text (RFC 8259) out of its bytes, in order, without a tree.
///
/// Strict: UTF-8 without byte order mark, no unpaired surrogates, no raw control characters in
/// strings, no comments, trailing commas, leading zeros, `NaN` or `Infinity`, nothing behind the
/// value. Keys that are there twice are not noticed here: a set of `UTF8Key` does that, as
/// `JSONValue.parse` does, and `keyByteOffset` says where the second is.
///
/// Each value is asked for once: the first at the start, then one behind each key that `nextKey`
/// returned and each `nextElement` that was true. To ask otherwise is a mistake of the caller and
/// traps. Behind an error the reader is of no more use.
/// - Complexity: O(*n*) for a text of *n* bytes; one byte of memory for each level of nesting.
package struct JSONReader: ~Copyable, ~Escapable {
  private enum Container: UInt8 { case object, array }

  private enum State {
    /// A value is due.
    case value
    /// A container was entered, nothing in it was read.
    case first
    /// A value was read.
    case next
  }

  package static let defaultDepthLimit = 128

  let bytes: Span<UInt8>
  /// Of the first byte that is not read yet.
  package internal(set) var byteOffset = 0
  /// Where the opening quote of the last key is.
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

  /// The kind of the value that is due; skips the white space before it.
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

  /// Starts an object, whose members `nextKey` then goes through.
  @_lifetime(self: copy self)
  package mutating func enterObject() throws(JSONError) {
    try expect(.object)
    try enter(.object)
  }

  /// Starts an array, whose elements `nextElement` then goes through.
  @_lifetime(self: copy self)
  package mutating func enterArray() throws(JSONError) {
    try expect(.array)
    try enter(.array)
  }

  /// The next key of the innermost object, whose value is then due; nil at the object's end.
  @_lifetime(self: copy self)
  package mutating func nextKey() throws(JSONError) -> String? {
    guard try advance(in: .object) else { return nil }
    let key = try takeString()
    try passColon()
    return key
  }

  /// Whether the innermost array has another element, which is then due; false at the array's end.
  @_lifetime(self: copy self)
  package mutating func nextElement() throws(JSONError) -> Bool { try advance(in: .array) }

  /// Passes over the value that is due. All of it is checked, duplicate keys aside.
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

  /// Requires that only white space follows the value. Traps if the value is not read whole.
  @_lifetime(self: copy self)
  package mutating func finish() throws(JSONError) {
    precondition(state == .next && containers.isEmpty, "the value is not read whole")
    skipWhiteSpace()
    guard byteOffset == bytes.count else {
      throw JSONError(.trailingBytes(first: bytes[byteOffset]), at: byteOffset)
    }
  }
}

extension JSONReader {
  /// Requires that a value of this kind is due.
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

  /// Moves behind the bracket at the place.
  @_lifetime(self: copy self)
  private mutating func enter(_ container: Container) throws(JSONError) {
    guard containers.count < depthLimit else {
      throw JSONError(.tooDeep(limit: depthLimit), at: byteOffset)
    }
    containers.append(container)
    byteOffset += 1
    state = .first
  }

  /// Moves to the next key or element, or behind the container and returns false.
  @_lifetime(self: copy self)
  private mutating func advance(in container: Container) throws(JSONError) -> Bool {
    precondition(
      containers.last == container && state != .value,
      "not inside such a container, or a value is due")
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
