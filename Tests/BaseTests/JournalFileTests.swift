import Base
import TestSupport
import Testing

@Suite struct JournalFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func lines() throws -> [(Int, String?)] {
    var found: [(Int, String?)] = []
    try JournalFile.forEachLine(of: folder["journal"]) { number, line in
      found.append((number, line.map { String(decoding: $0, as: UTF8.self) }))
    }
    return found
  }

  @Test("lines are appended and read in order")
  func append() throws {
    let file = try #require(try JournalFile(path: folder["journal"]))
    try file.append(["a", "b"])
    try file.append(["c"])
    #expect(try lines().map(\.0) == [1, 2, 3] && lines().map(\.1) == ["a", "b", "c"])
  }

  @Test("a line follows a part of a line on a line of its own")
  func torn() throws {
    try folder.write(Array("a\nhalf".utf8), to: "journal")
    let file = try #require(try JournalFile(path: folder["journal"]))
    try file.append(["b"])
    #expect(try folder.bytes("journal") == Array("a\nhalf\nb\n".utf8))
  }

  @Test("a second writer does not get the file before the first one is gone")
  func lock() throws {
    var first = try JournalFile(path: folder["journal"])
    #expect(first != nil)
    #expect(try JournalFile(path: folder["journal"]) == nil)
    first = nil
    #expect(try JournalFile(path: folder["journal"]) != nil)
  }

  @Test("a line of more than 1 MiB is damaged, and the next one counts")
  func long() throws {
    let long = [UInt8](repeating: 0x61, count: (1 << 20) + 1)
    try folder.write(Array("a\n\n".utf8) + long + Array("\nb\n".utf8) + long, to: "journal")
    #expect(try lines().map(\.0) == [1, 3, 4, 5])
    #expect(try lines().map(\.1) == ["a", nil, "b", nil])
  }

  @Test("a file that does not exist has no lines")
  func absent() throws { #expect(try lines().isEmpty) }
}
