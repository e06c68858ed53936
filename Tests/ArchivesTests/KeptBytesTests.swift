import Archives
import Base
import Checkpoints
import TestSupport
import Testing

/// Decoded bytes that are kept in memory. The tests run one after another, because the memory is shared.
@Suite(.serialized) struct KeptBytesTests {
  private let folder: TemporaryFolder
  private static let content = (0..<(9 << 20) + 77).map {
    UInt8(truncatingIfNeeded: $0 >> 9 ^ $0 * 3)
  }

  init() throws { folder = try TemporaryFolder() }

  /// Opens the large member of a compressed archive.
  /// - Parameter keptByteCount: The number of decoded bytes that may be kept.
  private func member(keptByteCount: Int) throws -> InputFile {
    try folder.write(Self.content, to: "in/model.safetensors")
    let files = try FolderFiles(InputTree(path: folder["in"]))
    let writer = try ArchiveWriter(files, .tarZstd, path: "")
    try OutputJob(writer, to: folder["a"], inputs: [], replacesExisting: false).run(
      jobs: 2, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
    let limit = CatalogLimit(byteCount: 1 << 40, use: .output, keptByteCount: keptByteCount)
    let input = try InputTree(path: folder["a"], limit: limit)
    let tree = try #require(try Archives.tree(of: input))
    return try tree.open("model.safetensors")
  }

  /// Overwrites the archive without changing its length, so that its values cannot be decoded any more.
  private func damage() throws {
    let count = try folder.bytes("a").count
    try folder.write(Array(repeating: 0xAA, count: count), to: "a")
  }

  private static let middle = 3 << 20..<(8 << 20) + 5

  @Test("kept bytes are not decoded again, until they are released")
  func released() throws {
    let before = KeptBytes.totalByteCount
    let file = try member(keptByteCount: 64 << 20)
    #expect(KeptBytes.totalByteCount >= before + Self.content.count)
    try damage()
    #expect(
      try file.bytes(at: Self.middle.lowerBound, count: Self.middle.count)
        == Array(Self.content[Self.middle]))
    KeptBytes.releaseAll()
    #expect(KeptBytes.totalByteCount == 0)
    // The stream counts the memory of its decoder from now on.
    #expect(MemoryReservation.totalByteCount >= 9 << 20)
    #expect(throws: FormatError.self) {
      try file.bytes(at: Self.middle.lowerBound, count: Self.middle.count)
    }
  }

  @Test("released bytes are decoded again")
  func decodedAgain() throws {
    let file = try member(keptByteCount: 64 << 20)
    KeptBytes.releaseAll()
    for range in [Self.middle, 0..<100, (9 << 20)..<Self.content.count] {
      #expect(
        try file.bytes(at: range.lowerBound, count: range.count) == Array(Self.content[range]))
    }
  }

  @Test("nothing is kept of an archive that is too large", arguments: [0, 1 << 20, 8 << 20])
  func tooLarge(keptByteCount: Int) throws {
    let before = KeptBytes.totalByteCount
    let file = try member(keptByteCount: keptByteCount)
    #expect(KeptBytes.totalByteCount == before)
    #expect(
      try file.bytes(at: Self.middle.lowerBound, count: Self.middle.count)
        == Array(Self.content[Self.middle]))
  }

  @Test("the memory is given up for work that does not fit beside it")
  func budget() throws {
    let file = try member(keptByteCount: 64 << 20)
    let kept = KeptBytes.totalByteCount
    #expect(kept > 0)
    let demand = MemoryBudget.Demand(fixedByteCount: 0, workerByteCount: 1 << 20)
    func workers(limit: Int) throws -> Int {
      try MemoryBudget(limit: limit).allot(
        demand, jobs: 2, tiles: 10, valueByteCount: 10 << 20
      ).workers
    }
    #expect(try workers(limit: ResidentMemory.currentByteCount + (200 << 20)) == 2)
    #expect(KeptBytes.totalByteCount == kept)
    _ = try? workers(limit: ResidentMemory.currentByteCount)
    #expect(KeptBytes.totalByteCount == 0)
    #expect(try file.bytes(at: 0, count: 1) == [Self.content[0]])
  }
}
