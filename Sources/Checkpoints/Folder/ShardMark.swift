import Base

/// The mark of a shard in a file name, such as `-00001-of-00002`.
enum ShardMark {
  /// Returns the places of the marks in a name.
  private static func ranges(in name: [UInt8]) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = 0
    while start < name.count {
      if let end = end(of: name, from: start) {
        ranges.append(start..<end)
        start = end
      } else {
        start += 1
      }
    }
    return ranges
  }

  /// Returns the end of the mark that starts at an index; nil if there is none.
  private static func end(of name: [UInt8], from start: Int) -> Int? {
    guard name[start] == UInt8(ascii: "-"),
      let number = endOfDigits(name, from: start + 1),
      name[number...].starts(with: "-of-".utf8)
    else { return nil }
    return endOfDigits(name, from: number + 4)
  }

  /// Returns the end of the digits that start at an index; nil if there are none.
  private static func endOfDigits(_ name: [UInt8], from start: Int) -> Int? {
    let digits = name[start...].prefix { (0x30...0x39).contains($0) }
    return digits.isEmpty ? nil : digits.endIndex
  }

  /// Returns a name without its marks.
  /// - Parameter onlyAtEnd: True to remove only a mark at the end.
  static func removed(from name: some StringProtocol, onlyAtEnd: Bool = false) -> String {
    let bytes = Array(name.utf8)
    var kept: [UInt8] = []
    var start = 0
    for range in ranges(in: bytes) where !onlyAtEnd || range.upperBound == bytes.count {
      kept += bytes[start..<range.lowerBound]
      start = range.upperBound
    }
    guard start > 0 else { return String(name) }
    return String(decoding: kept + bytes[start...], as: UTF8.self)
  }

  /// Returns true if a mark is followed only by a suffix of lower-case letters.
  static func isBeforeSuffix(of name: String) -> Bool {
    let bytes = Array(name.utf8)
    let suffix = bytes.reversed().prefix { (0x61...0x7A).contains($0) }.count
    let dot = bytes.count - suffix - 1
    guard suffix > 0, dot >= 0, bytes[dot] == UInt8(ascii: ".") else { return false }
    return ranges(in: bytes).contains { $0.upperBound == dot }
  }
}
