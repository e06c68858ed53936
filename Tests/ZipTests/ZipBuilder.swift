import Base
import TensorCore
import Testing

/// Writes ZIP archives with chosen faults, for tests.
struct ZipBuilder {
  struct Member {
    var name: String
    var content: [UInt8]
    var padding: Int
    var hasDescriptor: Bool
    var method: UInt16 = 0
    var flags: UInt16 = 0
    /// Values that the central directory states in place of the true ones.
    var crc: UInt32?
    var storedByteCount: Int?
    var headerOffset: Int?
    /// Values that the local header states in place of the true ones.
    var localName: String?
    var localMethod: UInt16?
    var localByteCount: Int?
    /// Bytes after the data that belong to nothing.
    var gap: [UInt8] = []

    init(_ name: String, _ content: [UInt8], padding: Int = 0, hasDescriptor: Bool = false) {
      self.name = name
      self.content = content
      self.padding = padding
      self.hasDescriptor = hasDescriptor
    }
  }

  var members: [Member] = []
  var isForcedZip64 = false
  var prefix: [UInt8] = []
  var suffix: [UInt8] = []
  var comment: [UInt8] = []
  var statedCount: Int?
  var disk: UInt16 = 0

  var bytes: [UInt8] {
    var bytes = prefix
    var offsets: [Int] = []
    for member in members {
      offsets.append(bytes.count)
      appendLocal(member, to: &bytes)
    }
    let start = bytes.count
    for (member, offset) in zip(members, offsets) {
      appendCentral(member, offset: member.headerOffset ?? offset, to: &bytes)
    }
    let size = bytes.count - start
    if isForcedZip64 {
      let end = bytes.count
      bytes += [0x50, 0x4B, 6, 6] + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8)
      bytes += little(members.count, 8) + little(members.count, 8) + little(size, 8)
      bytes += little(start, 8)
      bytes += [0x50, 0x4B, 6, 7] + little(0, 4) + little(end, 8) + little(1, 4)
    }
    let count = isForcedZip64 ? 0xFFFF : statedCount ?? members.count
    bytes += [0x50, 0x4B, 5, 6] + little(Int(disk), 2) + little(0, 2)
    bytes += little(count, 2) + little(count, 2)
    bytes += little(isForcedZip64 ? 0xFFFF_FFFF : size, 4)
    bytes += little(isForcedZip64 ? 0xFFFF_FFFF : start, 4)
    bytes += little(comment.count, 2) + comment
    return bytes + suffix
  }

  private func little(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private func flags(_ member: Member) -> Int {
    Int(member.flags) | (member.hasDescriptor ? 8 : 0)
  }

  private func appendLocal(_ member: Member, to bytes: inout [UInt8]) {
    let crc = Int(Kernels.crc32(member.content.rawSpan))
    let name = Array((member.localName ?? member.name).utf8)
    let count = member.localByteCount ?? member.content.count
    let stated = member.hasDescriptor ? [0, 0, 0] : [crc, count, count]
    bytes += [0x50, 0x4B, 3, 4] + little(20, 2) + little(flags(member), 2)
    bytes += little(Int(member.localMethod ?? member.method), 2) + little(0x21_0000, 4)
    for value in stated { bytes += little(value, 4) }
    bytes += little(name.count, 2) + little(member.padding, 2) + name
    if member.padding > 0 {
      bytes += [0x46, 0x42] + little(member.padding - 4, 2)
      bytes += Array(repeating: 0x5A, count: member.padding - 4)
    }
    bytes += member.content
    if member.hasDescriptor {
      bytes += [0x50, 0x4B, 7, 8] + little(crc, 4)
      bytes += little(member.content.count, 4) + little(member.content.count, 4)
    }
    bytes += member.gap
  }

  private func appendCentral(_ member: Member, offset: Int, to bytes: inout [UInt8]) {
    let crc = Int(member.crc ?? Kernels.crc32(member.content.rawSpan))
    let stored = member.storedByteCount ?? member.content.count
    bytes += [0x50, 0x4B, 1, 2] + little(20, 2) + little(20, 2) + little(flags(member), 2)
    bytes += little(Int(member.method), 2) + little(0x21_0000, 4) + little(crc, 4)
    bytes += little(stored, 4) + little(stored, 4)
    bytes += little(member.name.utf8.count, 2) + little(0, 10) + little(0, 2)
    bytes += little(offset, 4) + Array(member.name.utf8)
  }
}

/// An archive with one fault and the code of its error.
struct ZipFaultCase: Sendable, CustomTestStringConvertible {
  let name: String
  let code: String
  let bytes: [UInt8]

  var testDescription: String { name }

  private init(_ name: String, _ code: String, _ change: (inout ZipBuilder) -> Void) {
    self.name = name
    self.code = code
    var archive = ZipBuilder()
    archive.members = [.init("a", [1, 2, 3]), .init("b", [4])]
    change(&archive)
    bytes = archive.bytes
  }

  static let all: [ZipFaultCase] = [
    ZipFaultCase("bytes before", "zip.gap") { archive in
      // The offsets are those of the archive alone.
      let bytes = archive.bytes
      archive = ZipBuilder()
      archive.prefix = [0, 0] + bytes.dropLast(22)
      archive.suffix = []
    },
    ZipFaultCase("a prefix that the offsets count", "zip.gap") { $0.prefix = [0, 0, 0] },
    ZipFaultCase("bytes after", "zip.end-record") { $0.suffix = [0] },
    ZipFaultCase("a second end in the comment", "zip.end-record") {
      $0.comment = [0x50, 0x4B, 5, 6] + Array(repeating: 0, count: 18)
    },
    ZipFaultCase("a duplicate", "zip.duplicate") { $0.members[1].name = "a" },
    ZipFaultCase("encryption", "zip.encrypted") { $0.members[0].flags = 1 },
    ZipFaultCase("several disks", "zip.several-disks") { $0.disk = 1 },
    ZipFaultCase("more members than entries", "zip.directory") { $0.statedCount = 3 },
    ZipFaultCase("fewer members than entries", "zip.directory") { $0.statedCount = 1 },
    ZipFaultCase("an overlap", "zip.overlap") { $0.members[0].storedByteCount = 4 },
    ZipFaultCase("the same place", "zip.overlap") { $0.members[1].headerOffset = 0 },
    ZipFaultCase("a place after the members", "zip.directory") {
      $0.members[1].headerOffset = 1 << 30
    },
    ZipFaultCase("a gap", "zip.gap") { $0.members[0].gap = [7] },
    ZipFaultCase("a short descriptor", "zip.gap") {
      $0.members[0].hasDescriptor = true
      $0.members[0].gap = [7]
    },
    ZipFaultCase("another local name", "zip.local-header") { $0.members[0].localName = "c" },
    ZipFaultCase("a longer local name", "zip.local-header") { $0.members[0].localName = "aa" },
    ZipFaultCase("another local method", "zip.local-header") { $0.members[0].localMethod = 8 },
    ZipFaultCase("another local size", "zip.local-header") { $0.members[0].localByteCount = 2 },
    ZipFaultCase("an unknown method", "zip.method") { $0.members[0].method = 97 },
    ZipFaultCase("a wrong checksum", "zip.local-header") { $0.members[0].crc = 1 },
    ZipFaultCase("a folder with bytes", "zip.member-size") { $0.members[0].name = "a/" },
    ZipFaultCase("not deflated", "archive.damaged") { $0.members[0].method = 8 },
  ]
}
