/// The scalars that stand for bytes in byte-level vocabularies: printable bytes of Latin-1 for themselves, and the rest
/// from U+0100 on, in order (Radford et al., 2019, "Language Models are Unsupervised Multitask Learners", its code).
enum ByteAlphabet {
  /// The scalar of each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (UInt32(0)..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte of each scalar below U+0144; nil for others.
  private static let bytes: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt8(byte) }
    return bytes
  }()

  /// Returns the UTF-8 bytes of the scalars that stand for `text`.
  static func encoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 4)
    let scalars = scalars
    for byte in text {
      let scalar = scalars[Int(byte)]
      if scalar < 0x80 {
        result.append(UInt8(truncatingIfNeeded: scalar))
      } else {
        result.append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
        result.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
      }
    }
    return result
  }

  /// Returns the bytes that a token stands for; nil if it has a scalar that stands for none.
  static func decoded(_ token: [UInt8]) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(token.count)
    let span = token.span
    var position = 0
    while position < token.count {
      let scalar = UTF8Text.scalar(span, at: position)
      guard scalar.value < 0x144, let byte = bytes[Int(scalar.value)] else { return nil }
      result.append(byte)
      position += scalar.count
    }
    return result
  }
}
