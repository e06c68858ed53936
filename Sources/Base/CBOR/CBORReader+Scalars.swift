extension CBORReader {
  /// Reads an unsigned integer.
  @_lifetime(self: copy self)
  package mutating func readUInt() throws(CBORError) -> UInt64 {
    try expect(.unsigned)
    let value = try passHead()
    itemWasRead()
    return value
  }

  /// Reads an integer of either sign that fits in an `Int`.
  @_lifetime(self: copy self)
  package mutating func readInt() throws(CBORError) -> Int {
    let start = byteOffset
    let kind = try peekKind()
    guard kind == .unsigned || kind == .negative else {
      throw CBORError(.wrongKind(kind, expected: .unsigned), at: start)
    }
    guard let magnitude = Int(exactly: try passHead()) else {
      throw CBORError(.integerOutOfRange, at: start)
    }
    itemWasRead()
    return kind == .unsigned ? magnitude : -1 - magnitude
  }

  /// Reads a negative integer −1 − *n* and returns *n*.
  @_lifetime(self: copy self)
  package mutating func readNegative() throws(CBORError) -> UInt64 {
    try expect(.negative)
    let value = try passHead()
    itemWasRead()
    return value
  }

  /// Reads a byte string.
  @_lifetime(self: copy self)
  package mutating func readBytes() throws(CBORError) -> [UInt8] {
    try expect(.bytes)
    let range = try passString()
    itemWasRead()
    // SAFETY: the borrowed bytes are only copied.
    return unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe [UInt8]($0) }
  }

  /// Reads a text string, which must be valid UTF-8.
  @_lifetime(self: copy self)
  package mutating func readText() throws(CBORError) -> String {
    try expect(.text)
    let text = try text(passString())
    itemWasRead()
    return text
  }

  @_lifetime(self: copy self)
  package mutating func readBool() throws(CBORError) -> Bool {
    try expect(.bool)
    let value = bytes[byteOffset] == 0xF5
    byteOffset += 1
    itemWasRead()
    return value
  }

  @_lifetime(self: copy self)
  package mutating func readNull() throws(CBORError) {
    try expect(.null)
    byteOffset += 1
    itemWasRead()
  }

  /// Reads a 64-bit float. The only accepted NaN is `7ff8000000000000`.
  @_lifetime(self: copy self)
  package mutating func readFloat() throws(CBORError) -> Double {
    try expect(.float)
    let start = byteOffset
    let value = Double(bitPattern: try passWord(byteCount: 8))
    guard !value.isNaN || value.bitPattern == CBORWriter.canonicalNaN else {
      throw CBORError(.nonCanonicalNaN, at: start)
    }
    itemWasRead()
    return value
  }
}

extension CBORReader {
  /// Returns the kind of the next item, which its first byte determines.
  func kind() throws(CBORError) -> CBORKind {
    guard byteOffset < bytes.count else {
      throw CBORError(.truncated(needed: 1, available: 0), at: byteOffset)
    }
    let first = bytes[byteOffset]
    switch first >> 5 {
    case 0: return .unsigned
    case 1: return .negative
    case 2: return .bytes
    case 3: return .text
    case 4: return .array
    case 5: return .map
    case 6: throw CBORError(.tag, at: byteOffset)
    default: return try simpleKind(first & 0x1F)
    }
  }

  private func simpleKind(_ information: UInt8) throws(CBORError) -> CBORKind {
    let problem: CBORError.Problem
    switch information {
    case 20, 21: return .bool
    case 22: return .null
    case 27: return .float
    case 25: problem = .narrowFloat(bits: 16)
    case 26: problem = .narrowFloat(bits: 32)
    case 24:
      guard byteOffset + 1 < bytes.count else {
        throw CBORError(.truncated(needed: 1, available: 0), at: bytes.count)
      }
      problem = .simpleValue(bytes[byteOffset + 1])
    case 28...31: problem = .reservedHead(0xE0 | information)
    default: problem = .simpleValue(information)
    }
    throw CBORError(problem, at: byteOffset)
  }

  /// Reads the next head, moves past it and returns its argument.
  @_lifetime(self: copy self)
  mutating func passHead() throws(CBORError) -> UInt64 {
    let start = byteOffset
    let first = bytes[start]
    let information = first & 0x1F
    switch information {
    case 0..<24:
      byteOffset += 1
      return UInt64(information)
    case 24...27:
      let byteCount = 1 << Int(information - 24)
      let argument = try passWord(byteCount: byteCount)
      let minimum: UInt64 = byteCount == 1 ? 24 : 1 << UInt64(4 * byteCount)
      guard argument >= minimum else { throw CBORError(.notShortest, at: start) }
      return argument
    case 31 where (2...5).contains(first >> 5): throw CBORError(.indefiniteLength, at: start)
    default: throw CBORError(.reservedHead(first), at: start)
    }
  }

  /// Skips one byte, then reads a big-endian word of `byteCount` bytes and moves past it.
  @_lifetime(self: copy self)
  private mutating func passWord(byteCount: Int) throws(CBORError) -> UInt64 {
    let start = byteOffset + 1
    guard byteCount <= bytes.count - start else {
      throw CBORError(
        .truncated(needed: UInt64(byteCount), available: bytes.count - start), at: start)
    }
    var word: UInt64 = 0
    for index in start..<start + byteCount { word = word << 8 | UInt64(bytes[index]) }
    byteOffset = start + byteCount
    return word
  }

  /// Moves past the next byte or text string and returns the range of its content.
  @_lifetime(self: copy self)
  mutating func passString() throws(CBORError) -> Range<Int> {
    let length = try passHead()
    let start = byteOffset
    let available = bytes.count - start
    guard length <= UInt64(available) else {
      throw CBORError(.truncated(needed: length, available: available), at: start)
    }
    byteOffset += Int(length)
    return start..<byteOffset
  }

  /// Returns the bytes in `range` as a string; they must be valid UTF-8.
  func text(_ range: Range<Int>) throws(CBORError) -> String {
    do {
      return String(copying: try UTF8Span(validating: bytes.extracting(range)))
    } catch {
      throw CBORError(.invalidUTF8, at: range.lowerBound + error.byteOffsets.lowerBound)
    }
  }
}
