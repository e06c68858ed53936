import Archives
import Base
import Checkpoints
import ModelDirectories
import TestSupport
import Testing

@Suite struct ArchiveTreeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func tree(_ bytes: [UInt8], limit: CatalogLimit = .none) throws -> InputTree? {
    try folder.write(bytes, to: "archive")
    return try Archives.tree(of: InputTree(path: folder["archive"], limit: limit))
  }

  private func code(_ bytes: [UInt8]) -> String? {
    do {
      _ = try tree(bytes)
      return nil
    } catch { return (error as? FormatError)?.code.description ?? "\(error)" }
  }

  /// Returns all paths below a folder.
  private func paths(_ tree: InputTree, in folder: String = "") throws -> [String] {
    try tree.entries(in: folder).flatMap { entry in
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      return entry.kind == .folder ? try paths(tree, in: path) : [path]
    }
  }

  private func text(_ name: String, _ tree: InputTree) throws -> String {
    let file = try tree.open(name)
    return String(decoding: try file.bytes(at: 0, count: file.byteCount), as: UTF8.self)
  }

  // MARK: Archives of other programs

  @Test(
    "archives of other programs are read as the folder that they contain",
    arguments: [
      "bsd.tgz", "gnu-dot.tar.gz", "gnu-dot.tar.zst", "python-deflated.zip", "python-gnu.tar.bz2",
      "python-pax.tar.gz", "python.whl",
    ])
  func otherPrograms(name: String) throws {
    let path = Fixtures.path("archives/" + name)
    let tree = try #require(try Archives.tree(of: InputTree(path: path)))
    #expect(tree.isFolder && tree.path == path)
    let long = "sub/long-" + String(repeating: "n", count: 110) + ".txt"
    let others = name == "bsd.tgz" ? [] : [long]
    #expect(
      try paths(tree) == ["config.json", "model.safetensors"] + others + ["sub/имя.txt"])
    #expect(try text("sub/имя.txt", tree) == "text\n")
    for other in others { #expect(try text(other, tree) == "long\n") }
    let checkpoint = try ModelDirectoryContainer.read(tree)
    #expect(checkpoint.tensors.map(\.name) == ["w", "b"])
    #expect(try checkpoint.tensors[1].bytes() == (0..<16).map { UInt8($0) })
    let weights = try checkpoint.tensors[0].bytes()
    #expect(weights.rawSpan.floats() == (0..<6).map { Float($0) * 0.5 - 1 })
    #expect(checkpoint.companions.map(\.name).contains("config.json"))
    #expect(Set(checkpoint.files) == [try InputFile(path: path).identity])
  }

  @Test("what is not an archive of a folder is left to others")
  func notArchives() throws {
    var tar = TarBuilder()
    tar.add("a", [1])
    #expect(try tree([]) == nil)
    #expect(try tree(Array(repeating: 0, count: 2048)) == nil)
    #expect(try tree(TarBuilder.gzip(Array("{}".utf8))) == nil)
    #expect(try tree(TarBuilder.gzip(tar.ended)) != nil)
    #expect(try tree(tar.ended) != nil)
    #expect(try Archives.tree(of: InputTree(path: Fixtures.path("archives"))) == nil)
  }

  // MARK: The root

  @Test(
    "the root is the folder with the weights",
    arguments: [
      (["model/config.json", "model/model.safetensors"], ""),
      (["a/b/model.safetensors", "a/b/c/x"], ""),
      (["pkg/code.py", "pkg/data/m/model.safetensors", "info/RECORD"], "pkg/data/m"),
      (["unet/model.safetensors", "vae/model.safetensors"], ""),
      (["m/a/weights.npy", "m/readme"], "a"),
      (["m/model_index.json", "m/unet/model.safetensors"], ""),
      (["readme", "docs/more"], ""),
    ] as [([String], String)])
  func root(paths: [String], expected: String) throws {
    var tar = TarBuilder()
    for path in paths { tar.add(path, [1]) }
    let tree = try #require(try tree(tar.ended))
    // All paths are inside one folder, which is left out of what is shown.
    var common = ""
    for path in ["model/", "a/b/", "m/"] where paths.allSatisfy({ $0.hasPrefix(path) }) {
      common = path
    }
    let root = common + (expected.isEmpty ? "" : expected + "/")
    let names = paths.filter { $0.hasPrefix(root) }.map { String($0.dropFirst(root.count)) }
    #expect(try self.paths(tree) == names.sorted { $0.precedesAsBytes($1) })
    #expect(tree.path(of: "x") == folder["archive"] + "/" + root + "x")
  }

  // MARK: Hostile archives

  @Test(
    "paths that lead out are refused",
    arguments: [
      "/etc/passwd", "../a", "a/../../b", "a/..", "a//b", "./../a", "..", "a/./b",
      "../\u{301}b", "/\u{301}b", "a/../\u{301}b",
    ])
  func paths(name: String) {
    var tar = TarBuilder()
    tar.add("model.safetensors", [1])
    tar.add(name, [1])
    #expect(code(tar.ended) == "archive.name")
    var records = TarBuilder()
    records.addRecords([("path", name)])
    records.add("a", [1])
    #expect(code(records.ended) == "archive.name")
    var long = TarBuilder()
    long.add("././@LongLink", Array(name.utf8) + [0], kind: "L")
    long.add("a", [1])
    #expect(code(long.ended) == "archive.name")
  }

  @Test(
    "links that leave the archive are refused",
    arguments: [
      ("a/link", "../../x", "2"), ("link", "..", "2"), ("link", "/etc/passwd", "2"),
      ("link", "", "2"), ("a/link", "b/../../../x", "2"), ("link", "../x", "1"),
      ("link", "/x", "1"), ("a/link", "../x", "1"),
    ] as [(String, String, Character)])
  func leavingLinks(path: String, target: String, kind: Character) {
    var tar = TarBuilder()
    tar.add(path, kind: kind, target: target)
    #expect(code(tar.ended) == "archive.link")
  }

  @Test("links inside of the archive lead to their files")
  func innerLinks() throws {
    var tar = TarBuilder()
    tar.add("m/blobs/abc", Array("weights".utf8))
    tar.add("m/snapshot/model.txt", kind: "2", target: "../blobs/abc")
    tar.add("m/hard", kind: "1", target: "m/blobs/abc")
    tar.add("m/again", kind: "2", target: "hard")
    tar.add("m/loop", kind: "2", target: "loop")
    tar.add("m/folder", kind: "2", target: "blobs")
    tar.add("m/lost", kind: "2", target: "nothing")
    let tree = try #require(try tree(tar.ended))
    #expect(try text("snapshot/model.txt", tree) == "weights")
    #expect(try text("hard", tree) == "weights")
    #expect(try text("again", tree) == "weights")
    #expect(
      try tree.entries().map(\.kind) == [
        .file, .folder, .linkedFolder, .file, .brokenLink, .brokenLink, .folder,
      ])
    #expect(try tree.isFile("again") && !tree.isFile("loop") && !tree.isFile("folder"))
    #expect(throws: FileError.self) { try tree.open("lost") }
  }

  @Test("each fault has its code, compressed or not", arguments: ArchiveFaultCase.all)
  func faults(fault: ArchiveFaultCase) {
    #expect(code(fault.bytes) == fault.code)
    #expect(code(TarBuilder.gzip(fault.bytes)) == fault.code)
  }

  @Test("an archive cut anywhere is refused, or is not taken for one")
  func truncated() throws {
    var tar = TarBuilder()
    tar.add("a", Array(repeating: 1, count: 600))
    tar.add("b", [2])
    let bytes = tar.ended
    for count in stride(from: 512, to: bytes.count - 1, by: 128) {
      #expect(code(Array(bytes.prefix(count))) == "archive.incomplete")
    }
    #expect(code(bytes + [0]) == nil)
    #expect(code(bytes + Array(repeating: 0, count: 511) + [1]) == "archive.trailing-bytes")
    for name in ["gnu-dot.tar.zst", "python-pax.tar.gz", "python-gnu.tar.bz2"] {
      let bytes = try Fixtures.bytes("archives/" + name)
      for count in [bytes.count - 1, bytes.count - 9, bytes.count / 2] {
        #expect(code(Array(bytes.prefix(count))) == "archive.damaged", "\(name) \(count)")
      }
    }
  }

  @Test(
    "a changed byte of compressed data is an error, or changes nothing",
    arguments: ["gnu-dot.tar.zst", "python-pax.tar.gz", "python-gnu.tar.bz2"])
  func changedBytes(name: String) throws {
    let bytes = try Fixtures.bytes("archives/" + name)
    let original = try #require(try tree(bytes))
    let expected = try (paths(original), text("config.json", original))
    for index in stride(from: 12, to: bytes.count, by: 5) {
      var changed = bytes
      changed[index] ^= 0x10
      guard let tree = try? tree(changed) else { continue }
      #expect(try (paths(tree), text("config.json", tree)) == expected, "byte \(index)")
    }
  }

  @Test("an archive that expands too far is refused", arguments: [false, true])
  func expansion(isLong: Bool) throws {
    var tar = TarBuilder()
    let count = isLong ? 80 << 20 : 30 << 20
    tar.add("model.safetensors", Array(repeating: 0, count: count))
    try folder.write(tar.ended, to: "in/model.safetensors")
    let files = try FolderFiles(InputTree(path: folder["in"]))
    try write(ArchiveWriter(files, .tarZstd, path: "out"), to: "out.tar.zst")
    let archive = try folder.bytes("out.tar.zst")
    #expect(archive.count < count / 200)
    #expect(code(archive) == (isLong ? "archive.expansion" : nil))
  }

  private func write(_ writer: some CheckpointWriter, to name: String) throws {
    try OutputJob(writer, to: folder[name], inputs: [], replacesExisting: false).run(
      jobs: 2, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
  }

  @Test("many members need memory, which is limited")
  func memoryLimit() throws {
    var tar = TarBuilder()
    for index in 0..<5000 { tar.add("f\(index)") }
    // Less than any process has, since the memory of other tests comes and goes.
    let limit = CatalogLimit(byteCount: 1 << 20, use: .report)
    #expect(throws: UsageError.self) { try tree(tar.ended, limit: limit) }
    #expect(throws: Never.self) { try tree(tar.ended, limit: .none) }
  }
}
