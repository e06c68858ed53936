/// Reads and writes scalars of valid UTF-8 bytes.
enum UTF8Text {
  /// Returns the scalar that starts at `offset` and the number of its bytes.
  ///
  /// The bytes are valid UTF-8 and `offset` is the start of a scalar; otherwise the result is some value, or the
  /// function traps at the end of the bytes.
  @inline(__always)
  static func scalar(_ bytes: borrowing Span<UInt8>, at offset: Int) -> (value: UInt32, count: Int)
  {
    let first = UInt32(bytes[offset])
    if first < 0x80 { return (first, 1) }
    if first < 0xE0 { return ((first & 0x1F) << 6 | tail(bytes[offset + 1]), 2) }
    if first < 0xF0 {
      let middle = tail(bytes[offset + 1])
      return ((first & 0x0F) << 12 | middle << 6 | tail(bytes[offset + 2]), 3)
    }
    let high = (first & 0x07) << 18 | tail(bytes[offset + 1]) << 12
    return (high | tail(bytes[offset + 2]) << 6 | tail(bytes[offset + 3]), 4)
  }

  @inline(__always)
  private static func tail(_ byte: UInt8) -> UInt32 { UInt32(byte & 0x3F) }

  /// Returns the start of the scalar before `offset`, which is above 0.
  @inline(__always)
  static func start(before offset: Int, _ bytes: borrowing Span<UInt8>) -> Int {
    var start = offset - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  /// Returns the number of bytes of the scalar whose first byte is `byte`.
  static func byteCount(first byte: UInt8) -> Int {
    byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
  }

  static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
    if scalar.value < 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: scalar.value))
    } else {
      bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
  }

  static func isASCII(_ bytes: [UInt8]) -> Bool {
    var union: UInt8 = 0
    for byte in bytes { union |= byte }
    return union < 0x80
  }

  /// Returns the scalars of valid UTF-8 bytes.
  static func scalars(_ bytes: [UInt8]) -> [Unicode.Scalar] {
    Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
  }

  static func bytes(_ scalars: [Unicode.Scalar]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(scalars.count)
    for scalar in scalars { append(scalar, to: &bytes) }
    return bytes
  }
}
