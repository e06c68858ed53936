import Base

/// The table at the start of a framed chunk: the stored and decoded length of each stream.
enum StreamTable {
  struct Entry: Equatable {
    var storedByteCount: Int
    var isCompressed: Bool
    var byteCount: Int
  }

  static let compressedBit: UInt32 = 1 << 31

  static func byteCount(streamCount: Int) -> Int { 8 * streamCount }

  @_lifetime(target: copy target)
  static func write(_ entry: Entry, index: Int, into target: inout MutableRawSpan) {
    let word = UInt32(entry.storedByteCount) | (entry.isCompressed ? compressedBit : 0)
    target.storeLittleEndian(word, at: 8 * index)
    target.storeLittleEndian(UInt32(entry.byteCount), at: 8 * index + 4)
  }

  static func entry(_ bytes: borrowing RawSpan, index: Int) -> Entry? {
    guard let word = bytes.littleEndian(UInt32.self, at: 8 * index),
      let count = bytes.littleEndian(UInt32.self, at: 8 * index + 4)
    else { return nil }
    return Entry(
      storedByteCount: Int(word & ~compressedBit), isCompressed: word & compressedBit != 0,
      byteCount: Int(count))
  }
}
