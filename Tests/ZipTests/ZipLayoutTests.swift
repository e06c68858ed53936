import Base
import TensorCore
import TestSupport
import Testing
import Zip

@Suite struct ZipLayoutTests {
  private func write(
    _ members: [(String, [UInt8])], to path: String, seed: UInt64 = 1
  ) throws -> ZipLayout {
    let layout = try ZipLayout(
      members.map { ZipLayout.Entry(name: $0.0, byteCount: $0.1.count) }, path: path)
    let file = try OutputFile(creating: path)
    let checksums = ZipMemberChecksums(layout)
    var pieces: [(Int, Range<Int>)] = []
    for (index, member) in members.enumerated() {
      for start in stride(from: 0, to: member.1.count, by: 100) {
        pieces.append((index, start..<min(start + 100, member.1.count)))
      }
    }
    var random = SeededGenerator(seed: seed)
    pieces.shuffle(using: &random)
    for (index, range) in pieces {
      let bytes = Array(members[index].1[range])
      try file.write(bytes.rawSpan, at: layout.dataOffsets[index] + range.lowerBound)
      checksums.add(bytes.rawSpan, member: index, at: range.lowerBound)
    }
    try layout.write(checksums.all, to: file)
    return layout
  }

  @Test("what is written is read, at aligned places and in planned length")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let members = (0..<70).map { index in
      (
        "m/x" + String(repeating: "ä", count: index),
        Array(repeating: UInt8(index), count: index * 37)
      )
    }
    let layout = try write(members, to: folder["a.zip"])
    #expect(layout.dataOffsets.allSatisfy { $0 % 64 == 0 })
    let bytes = try folder.bytes("a.zip")
    #expect(bytes.count == layout.byteCount)
    let directory = try ZipDirectory(InputFile(path: folder["a.zip"]), limit: .none)
    #expect(directory.members.map(\.name) == members.map(\.0))
    for (member, expected) in zip(directory.members, members) {
      #expect(try directory.verifiedBytes(of: member, limit: 1 << 20) == expected.1)
    }
    _ = try write(members, to: folder["b.zip"], seed: 9)
    #expect(try folder.bytes("b.zip") == bytes)
  }

  @Test("ZIP64 is used from 4 GiB on")
  func zip64() throws {
    let folder = try TemporaryFolder()
    let large = Int(UInt32.max)
    let layout = try ZipLayout(
      [
        .init(name: "a", byteCount: large), .init(name: "b", byteCount: large - 1),
        .init(name: "c", byteCount: 2),
      ], path: "")
    do {
      // The data stay holes of the file.
      let file = try OutputFile(creating: folder["a.zip"])
      try file.write([1, 2].rawSpan, at: layout.dataOffsets[2])
      try layout.write([1, 2, Kernels.crc32([1, 2].rawSpan)], to: file)
    }
    let input = try InputFile(path: folder["a.zip"])
    #expect(input.byteCount == layout.byteCount)
    let directory = try ZipDirectory(input, limit: .none)
    #expect(directory.members.map(\.byteCount) == [large, large - 1, 2])
    let ranges = try directory.members.map { try directory.dataRange(of: $0) }
    #expect(ranges.map(\.lowerBound) == layout.dataOffsets)
    #expect(try directory.verifiedBytes(of: directory.members[2], limit: 2) == [1, 2])
  }

  @Test("more than 65,534 members need ZIP64")
  func manyMembers() throws {
    let folder = try TemporaryFolder()
    _ = try write((0..<65_535).map { ("\($0)", []) }, to: folder["a.zip"])
    let directory = try ZipDirectory(InputFile(path: folder["a.zip"]), limit: .none)
    #expect(directory.members.count == 65_535)
    #expect(directory["65534"]?.byteCount == 0)
  }

  @Test("names that are unsafe or used twice are refused")
  func names() {
    #expect(throws: FormatError.self) {
      try ZipLayout([.init(name: "../a", byteCount: 0)], path: "a.zip")
    }
    #expect(throws: FormatError.self) {
      try ZipLayout(
        [.init(name: "a", byteCount: 0), .init(name: "a", byteCount: 0)], path: "a.zip")
    }
  }
}
