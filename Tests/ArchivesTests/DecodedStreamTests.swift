import Archives
import Base
import Checkpoints
import TestSupport
import Testing

@Suite struct DecodedStreamTests {
  private let folder: TemporaryFolder
  private static let content = (0..<(40 << 20)).map { UInt8(truncatingIfNeeded: $0 >> 7 ^ $0 * 5) }

  init() throws { folder = try TemporaryFolder() }

  /// Opens the large member of a compressed archive.
  private func member(isZstd: Bool) throws -> InputFile {
    try folder.write(Self.content, to: "in/model.safetensors")
    let files = try FolderFiles(InputTree(path: folder["in"]))
    let writer = try ArchiveWriter(files, isZstd ? .tarZstd : .tar, path: "")
    try OutputJob(writer, to: folder["a"], inputs: [], replacesExisting: false).run(
      jobs: 2, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
    if !isZstd { try folder.write(TarBuilder.gzip(folder.bytes("a")), to: "a") }
    let tree = try #require(try Archives.tree(of: InputTree(path: folder["a"])))
    return try tree.open("model.safetensors")
  }

  @Test("any range can be read, forward and backward", arguments: [true, false])
  func ranges(isZstd: Bool) throws {
    let file = try member(isZstd: isZstd)
    #expect(file.isDecoded && file.byteCount == Self.content.count)
    #expect(MemoryReservation.totalByteCount >= 16 << 20)
    // The start and the end, and what follows the kept start; a step back beyond what is kept.
    for start in [0, Self.content.count - 100, 300_000, 36 << 20, 21 << 20, 5 << 20, 38 << 20] {
      let range = start..<min(start + 1_500_000, Self.content.count)
      #expect(
        try file.bytes(at: range.lowerBound, count: range.count) == Array(Self.content[range]))
    }
    let places = [0, 10].map { file.readingPlace(at: $0) }
    #expect(places[0] != nil)
    if let first = places[0], let second = places[1] { #expect(first < second) }
    #expect(throws: FileError.self) { try file.bytes(at: Self.content.count - 1, count: 2) }
  }

  @Test("threads read one stream")
  func threads() async throws {
    let file = try member(isZstd: true)
    let wrong = await withTaskGroup(of: Int.self) { group in
      for part in 0..<80 {
        group.addTask {
          let start = part << 19
          let bytes = try? file.bytes(at: start, count: 1 << 19)
          return bytes == Array(Self.content[start..<start + 1 << 19]) ? 0 : 1
        }
      }
      return await group.reduce(0, +)
    }
    #expect(wrong == 0)
  }
}
