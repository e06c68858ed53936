import Base

/// The text in a line of JSON lines, and its place there.
struct LineText {
  let text: String
  /// The bytes of the string with its quotes.
  private let value: Range<Int>

  /// Returns nil if the line has no string in the member.
  init?(_ line: [UInt8], field: String) throws(JSONError) {
    let bytes = line.span
    var reader = JSONReader(bytes)
    try reader.enterObject()
    while let key = try reader.nextKey() {
      guard key == field else {
        try reader.skipValue()
        continue
      }
      guard try reader.peekKind() == .string else { return nil }
      let start = reader.byteOffset
      text = try reader.readString()
      value = start..<reader.byteOffset
      return
    }
    return nil
  }

  /// Returns the line with another text. All other bytes stay. If the old text is written in ASCII, so is the new one.
  func line(_ line: [UInt8], with text: String) -> [UInt8] {
    let isASCII = line[value].allSatisfy { $0 < 0x80 }
    let new = JSONValue.string(text).serialized()
    return line[..<value.lowerBound] + (isASCII ? Self.ascii(new) : Array(new.utf8))
      + line[value.upperBound...]
  }

  /// Returns JSON with escapes in place of all characters that are not ASCII.
  private static func ascii(_ json: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for unit in json.utf16 {
      if unit < 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: unit))
      } else {
        let digits = String(unit, radix: 16)
        bytes += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
      }
    }
    return bytes
  }
}
