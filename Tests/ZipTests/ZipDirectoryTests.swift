import Base
import TensorCore
import TestSupport
import Testing
import Zip

@Suite struct ZipDirectoryTests {
  private func directory(_ bytes: [UInt8], in folder: TemporaryFolder) throws -> ZipDirectory {
    try folder.write(bytes, to: "a.zip")
    return try ZipDirectory(InputFile(path: folder["a.zip"]), limit: .none)
  }

  /// Reads every member of an archive, as a consumer would.
  private func contents(_ bytes: [UInt8]) throws -> [(String, [UInt8])] {
    let folder = try TemporaryFolder()
    let directory = try directory(bytes, in: folder)
    return try directory.members.map {
      ($0.name, try directory.verifiedBytes(of: $0, limit: 1 << 20))
    }
  }

  private func code(_ bytes: [UInt8]) -> String? {
    do {
      _ = try contents(bytes)
      return nil
    } catch { return (error as? FormatError)?.code.description ?? "\(error)" }
  }

  @Test(
    "archives of other writers are read", arguments: ["stored", "deflated", "streamed", "zip64"])
  func otherWriters(name: String) throws {
    let members = try contents(Fixtures.bytes("archives/zip/\(name).zip"))
    #expect(members.map(\.0) == ["model/config.json", "model/данные.bin", "model/empty"])
    #expect(members[0].1 == Array("{\"a\": 1}\n".utf8))
    #expect(members[1].1 == (0..<3000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 11) })
    #expect(members[2].1.isEmpty)
  }

  @Test("an archive of PyTorch's layout: padded headers, descriptors and a ZIP64 record")
  func paddedDescriptors() throws {
    var archive = ZipBuilder()
    archive.isForcedZip64 = true
    archive.members = [
      .init("m/data.pkl", [1, 2, 3], padding: 20, hasDescriptor: true),
      .init("m/data/0", Array(repeating: 9, count: 100), padding: 31, hasDescriptor: true),
      .init("m/data/1", [], padding: 40),
    ]
    let members = try contents(archive.bytes)
    #expect(members.map(\.0) == ["m/data.pkl", "m/data/0", "m/data/1"])
    #expect(members[1].1 == Array(repeating: 9, count: 100))
  }

  @Test("names are found by their bytes")
  func names() throws {
    let folder = try TemporaryFolder()
    var archive = ZipBuilder()
    // The same text in two normal forms.
    archive.members = [.init("\u{E9}", [1]), .init("e\u{301}", [2]), .init("f/", [])]
    let directory = try directory(archive.bytes, in: folder)
    #expect(directory["\u{E9}"]?.headerOffset == 0)
    #expect(directory["e\u{301}"]?.headerOffset != 0)
    #expect(directory["e"] == nil)
    #expect(directory.members.map(\.isFolder) == [false, false, true])
  }

  @Test(
    "bad names are refused",
    arguments: ["/a", "../a", "a/../b", "a//b", "./a", "a\\b", "a\0b", "", "/", "../\u{301}a"])
  func badNames(name: String) {
    var archive = ZipBuilder()
    archive.members = [.init(name, [])]
    #expect(code(archive.bytes) == "zip.name")
  }

  @Test("each fault has its code", arguments: ZipFaultCase.all)
  func faults(fault: ZipFaultCase) {
    #expect(code(fault.bytes) == fault.code)
  }

  @Test("an archive cut anywhere is refused")
  func truncated() {
    var archive = ZipBuilder()
    archive.members = [.init("a", [1, 2, 3]), .init("b", [4], hasDescriptor: true)]
    let bytes = archive.bytes
    #expect(code(bytes) == nil)
    for count in 0..<bytes.count {
      #expect(code(Array(bytes.prefix(count))) == "zip.end-record")
    }
  }

  @Test("a changed byte is refused, or changes nothing that matters")
  func changedBytes() throws {
    var archive = ZipBuilder()
    archive.members = [.init("a", [1, 2, 3]), .init("b", [4], hasDescriptor: true)]
    let original = try contents(archive.bytes)
    for index in archive.bytes.indices {
      var bytes = archive.bytes
      bytes[index] ^= 0x41
      guard let members = try? contents(bytes) else { continue }
      #expect(members.map(\.0) == original.map(\.0) && members.map(\.1) == original.map(\.1))
    }
  }

  @Test("a member that is too large for its use is refused before it is decoded")
  func memberLimit() throws {
    let folder = try TemporaryFolder()
    let directory = try directory(Fixtures.bytes("archives/zip/deflated.zip"), in: folder)
    let member = try #require(directory["model/данные.bin"])
    #expect(member.method == .deflated)
    #expect(throws: FormatError.self) { try directory.verifiedBytes(of: member, limit: 2999) }
  }

  @Test("a directory that does not fit into memory is refused")
  func memoryLimit() throws {
    let folder = try TemporaryFolder()
    var archive = ZipBuilder()
    archive.members = (0..<2000).map { .init("member\($0)", []) }
    try folder.write(archive.bytes, to: "a.zip")
    let limit = CatalogLimit(byteCount: ResidentMemory.currentByteCount + 1000, use: .report)
    #expect(throws: UsageError.self) {
      try ZipDirectory(InputFile(path: folder["a.zip"]), limit: limit)
    }
  }
}
