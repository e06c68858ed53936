import Base
import TensorCore

/// Writes tar archives with chosen members, for tests.
struct TarBuilder {
  private(set) var bytes: [UInt8] = []

  /// Adds a member with a header of the given kind.
  mutating func add(
    _ name: String, _ content: [UInt8] = [], kind: Character = "0", target: String = "",
    magic: [UInt8] = Array("ustar\u{0}00".utf8), size: String? = nil, checksum: Int? = nil
  ) {
    var block = [UInt8](repeating: 0, count: 512)
    func set(_ bytes: some Collection<UInt8>, _ start: Int) {
      block.replaceSubrange(start..<start + bytes.count, with: bytes)
    }
    set(Array(name.utf8.prefix(100)), 0)
    set(Array("0000644\0".utf8), 100)
    let octal = String(content.count, radix: 8)
    set(Array((size ?? String(repeating: "0", count: 11 - octal.count) + octal).utf8), 124)
    set(Array("        ".utf8), 148)
    set([kind.asciiValue ?? 0], 156)
    set(Array(target.utf8.prefix(100)), 157)
    set(magic, 257)
    let sum = checksum ?? block.reduce(0) { $0 + Int($1) }
    let digits = String(sum, radix: 8)
    set(Array((String(repeating: "0", count: 6 - digits.count) + digits + "\0 ").utf8), 148)
    bytes += block
    bytes += content
    bytes += Array(repeating: 0, count: -content.count & 511)
  }

  /// Adds an extended header with records.
  mutating func addRecords(_ records: [(String, String)], kind: Character = "x") {
    var text = ""
    for (key, value) in records {
      let rest = " \(key)=\(value)\n"
      var count = rest.utf8.count + 1
      while String(count).utf8.count + rest.utf8.count != count { count += 1 }
      text += String(count) + rest
    }
    add("pax", Array(text.utf8), kind: kind)
  }

  /// The archive with its end marker.
  var ended: [UInt8] { bytes + Array(repeating: 0, count: 1024) }

  /// Returns the bytes as a gzip file of stored blocks.
  static func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    func little(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    for start in stride(from: 0, to: max(1, bytes.count), by: 65_535) {
      let piece = bytes[start..<min(start + 65_535, bytes.count)]
      result.append(start + 65_535 >= bytes.count ? 1 : 0)
      result += little(piece.count, 2) + little(~piece.count, 2) + piece
    }
    return result + little(Int(Kernels.crc32(bytes.rawSpan)), 4) + little(bytes.count, 4)
  }
}
