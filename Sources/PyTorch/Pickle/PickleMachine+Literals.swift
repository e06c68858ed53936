import Base

extension PickleMachine {
  /// Reads the value of an instruction that contains it.
  mutating func literal(_ opcode: PickleOpcode, at offset: Int) throws -> PickleValue {
    switch opcode {
    case .none: return .none
    case .newTrue: return .bool(true)
    case .newFalse: return .bool(false)
    case .binInt:
      return .integer(
        Int(Int32(truncatingIfNeeded: try cursor.unsigned(byteCount: 4))))
    case .binInt1: return .integer(Int(try cursor.byte()))
    case .binInt2: return .integer(Int(try cursor.unsigned(byteCount: 2)))
    case .int, .long: return try decimal(opcode, at: offset)
    case .long1: return integer(try cursor.bytes(count: cursor.length(byteCount: 1)))
    case .long4: return integer(try cursor.bytes(count: cursor.length(byteCount: 4)))
    case .float:
      let line = String(decoding: try cursor.line(), as: UTF8.self)
      guard let number = Double(line) else {
        throw error(.pickle, "a number is malformed: \(Self.shown(line))", at: offset)
      }
      return .float(number)
    case .binFloat:
      return .float(Double(bitPattern: try cursor.unsigned(byteCount: 8).byteSwapped))
    default: return try text(opcode, at: offset)
    }
  }

  private mutating func text(_ opcode: PickleOpcode, at offset: Int) throws -> PickleValue {
    switch opcode {
    case .binUnicode: return heap.add(.string(try text(lengthByteCount: 4)))
    case .shortBinUnicode: return heap.add(.string(try text(lengthByteCount: 1)))
    case .binUnicode8: return heap.add(.string(try text(lengthByteCount: 8)))
    case .unicode: return heap.add(.string(try unescaped(cursor.line(), at: offset)))
    case .string:
      let line = try cursor.line()
      guard line.count >= 2, let quote = line.first, quote == line.last,
        quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
      else { throw error(.pickle, "a string is not between quotes", at: offset) }
      return heap.add(.string(try unescaped(Array(line.dropFirst().dropLast()), at: offset)))
    case .binString: return byteString(try bytes(lengthByteCount: 4))
    case .shortBinString: return byteString(try bytes(lengthByteCount: 1))
    case .binBytes: return heap.add(.bytes(try bytes(lengthByteCount: 4)))
    case .shortBinBytes: return heap.add(.bytes(try bytes(lengthByteCount: 1)))
    default: return heap.add(.bytes(try bytes(lengthByteCount: 8)))
    }
  }

  private mutating func text(lengthByteCount: Int) throws -> String {
    try cursor.text(count: cursor.length(byteCount: lengthByteCount))
  }

  private mutating func bytes(lengthByteCount: Int) throws -> [UInt8] {
    try cursor.bytes(count: cursor.length(byteCount: lengthByteCount))
  }

  /// Returns a string of Python 2: text if it is UTF-8, otherwise bytes.
  private mutating func byteString(_ bytes: [UInt8]) -> PickleValue {
    if let text = String(validating: bytes, as: UTF8.self) { return heap.add(.string(text)) }
    return heap.add(.bytes(bytes))
  }

  private mutating func decimal(_ opcode: PickleOpcode, at offset: Int) throws -> PickleValue {
    var line = String(decoding: try cursor.line(), as: UTF8.self)
    if opcode == .int, line == "00" || line == "01" { return .bool(line == "01") }
    if opcode == .long, line.hasSuffix("L") { line.removeLast() }
    if let number = Int(line) { return .integer(number) }
    let digits = line.hasPrefix("-") ? line.dropFirst() : line[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
      throw error(.pickle, "a number is malformed: \(Self.shown(line))", at: offset)
    }
    return heap.add(.bigInteger(line))
  }

  /// Returns the integer of little-endian two's complement bytes.
  private mutating func integer(_ bytes: [UInt8]) -> PickleValue {
    guard bytes.count > 8 else {
      var value: UInt64 = 0
      for (index, byte) in bytes.enumerated() { value |= UInt64(byte) << UInt64(8 * index) }
      let unused = UInt64(64 - 8 * bytes.count)
      guard unused < 64 else { return .integer(0) }
      return .integer(Int(Int64(bitPattern: value << unused) >> Int64(unused)))
    }
    return heap.add(.bigInteger(BigInteger.text(bytes)))
  }

  /// Returns the text of protocol 0, in which a backslash starts an escape.
  private func unescaped(_ line: [UInt8], at offset: Int) throws -> String {
    var scalars = String.UnicodeScalarView()
    var rest = line[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        scalars.append(Unicode.Scalar(byte))
        continue
      }
      let kind = rest.popFirst()
      let digitCount: Int
      switch kind {
      case UInt8(ascii: "n"):
        scalars.append("\n")
        continue
      case UInt8(ascii: "t"):
        scalars.append("\t")
        continue
      case UInt8(ascii: "r"):
        scalars.append("\r")
        continue
      case UInt8(ascii: "\\"):
        scalars.append("\\")
        continue
      case UInt8(ascii: "'"):
        scalars.append("'")
        continue
      case UInt8(ascii: "\""):
        scalars.append("\"")
        continue
      case UInt8(ascii: "x"): digitCount = 2
      case UInt8(ascii: "u"): digitCount = 4
      case UInt8(ascii: "U"): digitCount = 8
      default: digitCount = 0
      }
      let digits = String(decoding: rest.prefix(digitCount), as: UTF8.self)
      guard digitCount > 0, digits.utf8.count == digitCount, let value = UInt32(digits, radix: 16),
        let scalar = Unicode.Scalar(value)
      else { throw error(.pickle, "a string has an unknown escape", at: offset) }
      scalars.append(scalar)
      rest = rest.dropFirst(digitCount)
    }
    return String(scalars)
  }
}
