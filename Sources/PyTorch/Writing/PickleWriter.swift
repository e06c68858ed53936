import Base

/// Writes the instructions of a pickle of protocol 2, which every version of PyTorch reads.
struct PickleWriter {
  private(set) var bytes: [UInt8] = [PickleOpcode.proto.rawValue, 2]
  /// The number of values that were stored to be used again.
  private var memoCount = 0

  mutating func write(_ opcode: PickleOpcode) { bytes.append(opcode.rawValue) }

  mutating func write(_ text: String) {
    write(.binUnicode)
    append(UInt32(clamping: text.utf8.count))
    bytes += text.utf8
  }

  /// Writes an integer that is not negative.
  mutating func write(_ number: Int) {
    if let byte = UInt8(exactly: number) {
      write(.binInt1)
      bytes.append(byte)
    } else if let word = UInt16(exactly: number) {
      write(.binInt2)
      append(word)
    } else if let word = Int32(exactly: number) {
      write(.binInt)
      append(UInt32(bitPattern: word))
    } else {
      write(.long1)
      bytes.append(8)
      append(UInt64(bitPattern: Int64(number)))
    }
  }

  /// Writes a tuple of integers.
  mutating func write(_ numbers: [Int]) {
    guard !numbers.isEmpty else { return write(.emptyTuple) }
    if numbers.count > 3 { write(.mark) }
    for number in numbers { write(number) }
    switch numbers.count {
    case 1: write(.tuple1)
    case 2: write(.tuple2)
    case 3: write(.tuple3)
    default: write(.tuple)
    }
  }

  mutating func writeGlobal(_ module: String, _ name: String) {
    write(.global)
    bytes += Array("\(module)\n\(name)\n".utf8)
  }

  /// Stores the last value and returns its number.
  mutating func store() -> Int {
    let number = memoCount
    memoCount += 1
    if let byte = UInt8(exactly: number) {
      write(.binPut)
      bytes.append(byte)
    } else {
      write(.longBinPut)
      append(UInt32(clamping: number))
    }
    return number
  }

  /// Writes a stored value again.
  mutating func get(_ number: Int) {
    if let byte = UInt8(exactly: number) {
      write(.binGet)
      bytes.append(byte)
    } else {
      write(.longBinGet)
      append(UInt32(clamping: number))
    }
  }

  private mutating func append<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
    for shift in stride(from: 0, to: T.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
    }
  }
}
