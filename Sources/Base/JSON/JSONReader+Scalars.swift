extension JSONReader {
  @_lifetime(self: copy self)
  package mutating func readBool() throws(JSONError) -> Bool {
    try expect(.bool)
    let value = bytes[byteOffset] == UInt8(ascii: "t")
    try passLiteral(value ? "true" : "false")
    return value
  }

  @_lifetime(self: copy self)
  package mutating func readNull() throws(JSONError) {
    try expect(.null)
    try passLiteral("null")
  }

  /// Reads a number of any form and keeps its text.
  @_lifetime(self: copy self)
  package mutating func readNumber() throws(JSONError) -> JSONNumber {
    try expect(.number)
    let start = byteOffset
    _ = try passNumber()
    valueWasRead()
    return JSONNumber(valid: try text(start..<byteOffset))
  }

  /// Reads an integer without fraction or exponent that is not negative.
  @_lifetime(self: copy self)
  package mutating func readUInt64() throws(JSONError) -> UInt64 {
    try expect(.number)
    let start = byteOffset
    let (isNegative, magnitude) = try readMagnitude()
    guard !isNegative else { throw JSONError(.negative, at: start) }
    return magnitude
  }

  /// Reads an integer without fraction or exponent.
  @_lifetime(self: copy self)
  package mutating func readInt() throws(JSONError) -> Int {
    try expect(.number)
    let start = byteOffset
    let (isNegative, magnitude) = try readMagnitude()
    guard magnitude <= Int.max.magnitude + (isNegative ? 1 : 0) else {
      throw JSONError(.overflow, at: start)
    }
    return isNegative ? Int(truncatingIfNeeded: 0 &- magnitude) : Int(magnitude)
  }

  @_lifetime(self: copy self)
  private mutating func readMagnitude() throws(JSONError) -> (isNegative: Bool, UInt64) {
    let start = byteOffset
    let isNegative = bytes[start] == UInt8(ascii: "-")
    guard try passNumber() else { throw JSONError(.notAnInteger, at: start) }
    var magnitude: UInt64 = 0
    for index in (isNegative ? start + 1 : start)..<byteOffset {
      let (tens, tooLarge) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(UInt64(bytes[index] - UInt8(ascii: "0")))
      guard !tooLarge, !carry else { throw JSONError(.overflow, at: start) }
      magnitude = sum
    }
    guard !isNegative || magnitude > 0 else { throw JSONError(.notAnInteger, at: start) }
    valueWasRead()
    return (isNegative, magnitude)
  }

  /// Moves past the next number. Returns false if it has a fraction or an exponent.
  @_lifetime(self: copy self)
  mutating func passNumber() throws(JSONError) -> Bool {
    if bytes[byteOffset] == UInt8(ascii: "-") { byteOffset += 1 }
    let first = byteOffset
    try passDigits()
    guard bytes[first] != UInt8(ascii: "0") || byteOffset == first + 1 else {
      throw JSONError(.leadingZero, at: first)
    }
    var isInteger = true
    if byteOffset < bytes.count, bytes[byteOffset] == UInt8(ascii: ".") {
      isInteger = false
      byteOffset += 1
      try passDigits()
    }
    if byteOffset < bytes.count, bytes[byteOffset] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      byteOffset += 1
      if byteOffset < bytes.count,
        bytes[byteOffset] == UInt8(ascii: "+") || bytes[byteOffset] == UInt8(ascii: "-")
      {
        byteOffset += 1
      }
      try passDigits()
    }
    return isInteger
  }

  /// Moves past the next digits, of which there must be at least one.
  @_lifetime(self: copy self)
  private mutating func passDigits() throws(JSONError) {
    guard byteOffset < bytes.count else { throw end(.digit) }
    guard Self.isDigit(bytes[byteOffset]) else { throw unexpected(.digit) }
    while byteOffset < bytes.count, Self.isDigit(bytes[byteOffset]) { byteOffset += 1 }
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  @_lifetime(self: copy self)
  private mutating func passLiteral(_ literal: String) throws(JSONError) {
    for expected in literal.utf8 {
      guard byteOffset < bytes.count else { throw end(.literal) }
      guard bytes[byteOffset] == expected else { throw unexpected(.literal) }
      byteOffset += 1
    }
    valueWasRead()
  }
}
