import Base

/// A block of 512 bytes before a member of a tar archive.
///
/// Source: POSIX.1-2017, pax, section "ustar Interchange Format"; GNU tar manual, section "Basic Tar Format".
struct TarHeader {
  static let byteCount = 512

  enum Kind {
    case file, folder
    case symbolicLink, hardLink
    /// Records for the next member, and for all members.
    case extended, global
    /// The name, or the target of the link, of the next member.
    case longName, longTarget
  }

  var kind: Kind
  var name: String?
  var target: String?
  var byteCount: Int

  /// The reasons for which a header is refused.
  enum Problem: Error {
    case checksum
    case notTar
    case size
    case kind(UInt8)
  }

  /// Returns true if the block has the magic of a tar archive.
  static func isTar(_ block: RawSpan) -> Bool {
    block.byteCount >= 262 && block.extracting(257..<262).array() == Array("ustar".utf8)
  }

  init(_ block: RawSpan) throws(Problem) {
    guard Self.isTar(block) else { throw .notTar }
    let bytes = block.array()
    let stated = Self.octal(bytes[148..<156])
    // The checksum counts its own field as spaces.
    let sum = bytes.indices.reduce(0) { sum, index in
      sum + ((148..<156).contains(index) ? 0x20 : Int(bytes[index]))
    }
    guard stated == sum else { throw .checksum }
    guard let size = Self.number(bytes[124..<136]) else { throw .size }
    // GNU tar uses the field of the prefix for other values.
    let isUstar = bytes[262] == 0
    let prefix = isUstar ? Self.text(bytes[345..<500]) : ""
    let last = Self.text(bytes[0..<100])
    name =
      if let prefix, let last { prefix.isEmpty ? last : prefix + "/" + last } else { nil }
    target = Self.text(bytes[157..<257])
    let isFolderName = name?.utf8.last == UInt8(ascii: "/")
    switch bytes[156] {
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): kind = isFolderName ? .folder : .file
    case UInt8(ascii: "1"): kind = .hardLink
    case UInt8(ascii: "2"): kind = .symbolicLink
    case UInt8(ascii: "5"): kind = .folder
    case UInt8(ascii: "x"): kind = .extended
    case UInt8(ascii: "g"): kind = .global
    case UInt8(ascii: "L"): kind = .longName
    case UInt8(ascii: "K"): kind = .longTarget
    default: throw .kind(bytes[156])
    }
    byteCount = size
  }

  /// Returns the text before the first NUL; nil if it is not UTF-8.
  private static func text(_ field: ArraySlice<UInt8>) -> String? {
    String(validating: field.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Returns a number in octal digits, or in base 256 as GNU tar writes large ones.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard let first = field.first, first & 0x80 != 0 else { return octal(field) }
    guard first == 0x80 else { return nil }
    var value = 0
    for byte in field.dropFirst() {
      guard value < 1 << 54 else { return nil }
      value = value << 8 | Int(byte)
    }
    return value
  }

  private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
    let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
    let end = field[digits.endIndex...]
    guard end.allSatisfy({ $0 == 0 || $0 == 0x20 }) else { return nil }
    var value = 0
    for digit in digits {
      guard (0x30...0x37).contains(digit) else { return nil }
      value = value << 3 | Int(digit - 0x30)
    }
    return value
  }
}

/// The records of an extended header that are used.
struct PaxRecords {
  var path: String?
  var target: String?
  var byteCount: Int?
  /// True if the member is stored in a way that is not supported, such as with holes.
  var isUnsupported = false

  /// Parses records of the form `LENGTH KEY=VALUE\n`; returns nil if they are malformed.
  init?(_ bytes: [UInt8]) {
    var position = 0
    while position < bytes.count {
      let rest = bytes[position...]
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      guard !digits.isEmpty, digits.count <= 8,
        let length = Int(String(decoding: digits, as: UTF8.self)),
        length > digits.count + 3, length <= rest.count
      else { return nil }
      let record = rest.prefix(length)
      let pair = record.dropFirst(digits.count + 1).dropLast()
      guard record[digits.endIndex] == 0x20, record.last == 0x0A,
        let equal = pair.firstIndex(of: UInt8(ascii: "=")),
        let key = String(validating: pair[..<equal], as: UTF8.self)
      else { return nil }
      guard set(key, pair[(equal + 1)...]) else { return nil }
      position += length
    }
  }

  private mutating func set(_ key: String, _ value: ArraySlice<UInt8>) -> Bool {
    switch key {
    case "path", "linkpath":
      guard let text = String(validating: value, as: UTF8.self), !text.isEmpty,
        !text.utf8.contains(0)
      else { return false }
      if key == "path" { path = text } else { target = text }
    case "size":
      guard !value.isEmpty, value.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = Int(String(decoding: value, as: UTF8.self)), number < 1 << 60
      else { return false }
      byteCount = number
    case "hdrcharset": isUnsupported = true
    default:
      if key.hasPrefix("GNU.sparse.") { isUnsupported = true }
    }
    return true
  }
}
