import Base

/// The header blocks of a regular file in a tar archive.
///
/// Source: POSIX.1-2017, pax, sections "ustar Interchange Format" and "pax Extended Header".
struct TarHeaderWriter {
  private static let maximumNameByteCount = 100
  private static let maximumPrefixByteCount = 155
  /// The largest size that eleven octal digits express.
  private static let maximumByteCount = 1 << 33 - 1

  let bytes: [UInt8]

  init(_ path: String, byteCount: Int) {
    var records: [UInt8] = []
    let split = Self.split(path)
    if split == nil { records += Self.record("path", path) }
    let fits = byteCount <= Self.maximumByteCount
    if !fits { records += Self.record("size", String(byteCount)) }
    // A reader that knows no extended headers finds the end of the name.
    let (prefix, name) =
      split ?? ([], Array(path.utf8.suffix(Self.maximumNameByteCount)))
    let header = Self.block(
      prefix: prefix, name: name, byteCount: fits ? byteCount : 0, kind: UInt8(ascii: "0"))
    guard !records.isEmpty else {
      bytes = header
      return
    }
    let extended = Self.block(
      prefix: [], name: Array("././@PaxHeader".utf8), byteCount: records.count,
      kind: UInt8(ascii: "x"))
    let padding = TarLayout.padded(records.count) - records.count
    bytes = extended + records + Array(repeating: 0, count: padding) + header
  }

  /// Returns the parts of a path that fit into the fields of a header; nil if there are none.
  private static func split(_ path: String) -> (prefix: [UInt8], name: [UInt8])? {
    let bytes = Array(path.utf8)
    if bytes.count <= maximumNameByteCount { return ([], bytes) }
    for index in bytes.indices where bytes[index] == UInt8(ascii: "/") {
      let nameCount = bytes.count - index - 1
      if index > 0, index <= maximumPrefixByteCount, nameCount <= maximumNameByteCount {
        return (Array(bytes[..<index]), Array(bytes[(index + 1)...]))
      }
    }
    return nil
  }

  /// Returns a record, which starts with its own length.
  private static func record(_ key: String, _ value: String) -> [UInt8] {
    let rest = " \(key)=\(value)\n"
    var count = rest.utf8.count
    while String(count).utf8.count + rest.utf8.count != count {
      count = String(count).utf8.count + rest.utf8.count
    }
    return Array((String(count) + rest).utf8)
  }

  private static func block(
    prefix: [UInt8], name: [UInt8], byteCount: Int, kind: UInt8
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: TarHeader.byteCount)
    func set(_ bytes: [UInt8], at start: Int) {
      block.replaceSubrange(start..<start + bytes.count, with: bytes)
    }
    func octal(_ value: Int, digits: Int) -> [UInt8] {
      let text = String(value, radix: 8)
      return Array((String(repeating: "0", count: digits - text.count) + text).utf8)
    }
    set(name, at: 0)
    set(octal(0o644, digits: 7), at: 100)
    set(octal(0, digits: 7), at: 108)
    set(octal(0, digits: 7), at: 116)
    set(octal(byteCount, digits: 11), at: 124)
    set(octal(0, digits: 11), at: 136)
    set(Array("        ".utf8), at: 148)
    block[156] = kind
    set(Array("ustar\u{0}00".utf8), at: 257)
    set(prefix, at: 345)
    let sum = block.reduce(0) { $0 + Int($1) }
    set(octal(sum, digits: 6) + [0, 0x20], at: 148)
    return block
  }
}
