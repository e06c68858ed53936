import Archives
import Base
import Checkpoints
import ModelDirectories
import Safetensors
import TestSupport
import Testing
import Zip

@Suite struct PackTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func run(_ writer: some CheckpointWriter, to name: String, jobs: Int = 3) throws {
    try OutputJob(writer, to: folder[name], inputs: [], replacesExisting: false).run(
      jobs: jobs, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
  }

  private func pack(
    _ source: String, _ format: ArchiveFormat, to name: String, jobs: Int = 3
  ) throws {
    let files = try FolderFiles(InputTree(path: source))
    let writer = try ArchiveWriter(files, format, path: name)
    try run(writer, to: name, jobs: jobs)
    let byteCount = try folder.bytes(name).count
    if writer.plan.isExact {
      #expect(byteCount == writer.plan.byteCount)
    } else {
      #expect(byteCount <= writer.plan.byteCount)
    }
  }

  /// Converts a model to a safetensors file, and returns its bytes.
  private func converted(_ tree: InputTree, to name: String) throws -> [UInt8] {
    let checkpoint = try ModelDirectoryContainer.read(tree)
    let writer = try SafetensorsWriter(checkpoint, options: WriterOptions())
    try run(writer, to: name)
    return try folder.bytes(name)
  }

  private static let base = Fixtures.path("models/base")

  @Test("a packed model gives the same output as its folder", arguments: ArchiveFormat.allCases)
  func sameOutput(format: ArchiveFormat) throws {
    let name = "model." + format.rawValue
    try pack(Self.base, format, to: name)
    let expected = try converted(InputTree(path: Self.base), to: "folder.safetensors")
    let tree = try #require(try Archives.tree(of: InputTree(path: folder[name])))
    #expect(try converted(tree, to: "archive.safetensors") == expected)
    if format == .tar {
      try folder.write(TarBuilder.gzip(folder.bytes(name)), to: "model.tgz")
      let tree = try #require(try Archives.tree(of: InputTree(path: folder["model.tgz"])))
      #expect(try converted(tree, to: "gzip.safetensors") == expected)
    }
  }

  @Test("what is packed is unpacked again", arguments: ArchiveFormat.allCases)
  func roundTrip(format: ArchiveFormat) throws {
    let name = "model." + format.rawValue
    let long = String(repeating: "l", count: 120)
    let contents: [String: [UInt8]] = [
      "config.json": Array("{}".utf8), "model.safetensors": Array(repeating: 7, count: 3_000_000),
      "a/b/имя.txt": [1, 2], "empty": [], long + "/" + long + "/" + long: [3],
      "exact": Array(repeating: 1, count: 1024),
    ]
    for (path, content) in contents { try folder.write(content, to: "in/" + path) }
    try folder.write([1], to: "in/.git/config")
    try pack(folder["in"], format, to: name)
    try run(ArchiveExtraction(InputTree(path: folder[name])), to: "out")
    for (path, content) in contents { #expect(try folder.bytes("out/" + path) == content) }
    #expect(
      try folder.names(in: "out") == [
        "a", "config.json", "empty", "exact", long, "model.safetensors",
      ])
  }

  @Test("equal files give equal archives", arguments: ArchiveFormat.allCases)
  func deterministic(format: ArchiveFormat) throws {
    for (copy, order) in [
      ("one", ["b", "a", "model.safetensors"]), ("two", ["model.safetensors", "a", "b"]),
    ] {
      for name in order {
        let content = (0..<(name == "model.safetensors" ? 20_000_000 : 100)).map {
          UInt8(truncatingIfNeeded: $0 &* 31 >> 3)
        }
        try folder.write(content, to: copy + "/" + name)
      }
      try pack(folder[copy], format, to: copy + "." + format.rawValue, jobs: copy == "one" ? 1 : 4)
    }
    #expect(
      try folder.bytes("one." + format.rawValue) == folder.bytes("two." + format.rawValue))
  }

  @Test("archives of a small folder keep their bytes over versions")
  func pinned() throws {
    try folder.write(Array("{}\n".utf8), to: "in/config.json")
    try folder.write([1, 2, 3], to: "in/model.safetensors")
    try folder.write([4], to: "in/z/last.txt")
    try pack(folder["in"], .tar, to: "a.tar")
    try pack(folder["in"], .zip, to: "a.zip")
    let zip = try ZipDirectory(InputFile(path: folder["a.zip"]), limit: .none)
    #expect(zip.members.map(\.name) == ["config.json", "z/last.txt", "model.safetensors"])
    #expect(
      Digest.sha256(try folder.bytes("a.tar"))
        == "85f0eec9dc90cae1ebbc920ad3ed6abd0ed1d8d4091616eaf5c8ac82d2dbd020")
    #expect(
      Digest.sha256(try folder.bytes("a.zip"))
        == "5f713034f14cd01bdbf96e024a28a93f5e28f94a282a8fad94bd1f95f413e4f4")
  }

  @Test("links in an archive become files, and links to folders are left out")
  func links() throws {
    var tar = TarBuilder()
    tar.add("m/a", [5])
    tar.add("m/b", kind: "2", target: "a")
    tar.add("m/c/d", [6])
    tar.add("m/e", kind: "2", target: "c")
    try folder.write(tar.ended, to: "a.tar")
    let extraction = try ArchiveExtraction(InputTree(path: folder["a.tar"]))
    #expect(extraction.plan.notes.count == 1)
    try run(extraction, to: "out")
    #expect(try folder.names(in: "out") == ["a", "b", "c"])
    #expect(try folder.bytes("out/b") == [5])
  }

  @Test("links out of a folder are not packed")
  func foreignLink() throws {
    try folder.write([1], to: "in/a")
    try folder.write([1], to: "other")
    try FileLink.create(folder["in/link"], to: folder["other"])
    #expect(throws: FormatError.self) { try FolderFiles(InputTree(path: folder["in"])) }
  }

  @Test("a member whose checksum is wrong is not unpacked")
  func wrongChecksum() throws {
    try folder.write(Array(repeating: 1, count: 5000), to: "in/model.safetensors")
    try pack(folder["in"], .zip, to: "a.zip")
    var bytes = try folder.bytes("a.zip")
    let index = try #require(bytes.firstIndex(of: 1))
    bytes[index + 300] ^= 1
    try folder.write(bytes, to: "b.zip")
    let extraction = try ArchiveExtraction(InputTree(path: folder["b.zip"]))
    let error = #expect(throws: FormatError.self) { try run(extraction, to: "out") }
    #expect(error?.code.description == "zip.checksum")
    #expect(!folder.exists("out"))
  }

  @Test("an empty folder is not packed, and a file that is not an archive is not unpacked")
  func nothing() throws {
    try folder.write([1], to: "in/.hidden")
    #expect(throws: FormatError.self) { try FolderFiles(InputTree(path: folder["in"])) }
    try folder.write([1, 2, 3], to: "plain")
    #expect(throws: FormatError.self) { try ArchiveExtraction(InputTree(path: folder["plain"])) }
  }
}
