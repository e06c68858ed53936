import Base

/// Fields of ZIP records. Each returns 0 at the end of the span; callers check the length of the record first.
extension RawSpan {
  func field16(_ byteOffset: Int) -> UInt16 { littleEndian(UInt16.self, at: byteOffset) ?? 0 }

  func field32(_ byteOffset: Int) -> UInt32 { littleEndian(UInt32.self, at: byteOffset) ?? 0 }

  func field64(_ byteOffset: Int) -> UInt64 { littleEndian(UInt64.self, at: byteOffset) ?? 0 }
}

/// The signatures of ZIP records (APPNOTE.TXT 6.3.10, section 4.3).
enum ZipSignature {
  static let localHeader: UInt32 = 0x0403_4B50
  static let descriptor: UInt32 = 0x0807_4B50
  static let directoryEntry: UInt32 = 0x0201_4B50
  static let endRecord: UInt32 = 0x0605_4B50
  static let zip64EndRecord: UInt32 = 0x0606_4B50
  static let zip64Locator: UInt32 = 0x0706_4B50
}

/// The lengths of the fixed parts of ZIP records.
enum ZipLength {
  static let localHeader = 30
  static let directoryEntry = 46
  static let endRecord = 22
  static let zip64EndRecord = 56
  static let zip64Locator = 20
}
