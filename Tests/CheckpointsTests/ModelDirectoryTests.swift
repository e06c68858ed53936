import Base
import Checkpoints
import Containers
import Foundation
import ModelDirectories
import Packing
import Safetensors
import TensorCore
import TestSupport
import Testing

@Suite struct ModelDirectoryTests {
  /// Creates a folder with two shards and a correct or changed index.
  static func folder(index: String? = nil) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["model-00001-of-00002", "model-00002-of-00002"] {
      let bytes = try Fixtures.bytes("safetensors/valid/sharded/\(name).safetensors")
      try folder.write(bytes, to: "m/\(name).safetensors")
    }
    let right = try Fixtures.bytes("safetensors/valid/sharded/model.safetensors.index.json")
    try folder.write(index.map { Array($0.utf8) } ?? right, to: "m/model.safetensors.index.json")
    return folder
  }

  @Test("shards with their index are read as one checkpoint")
  func sharded() throws {
    let folder = try Self.folder()
    let checkpoint = try Containers.read(folder["m"])
    #expect(Set(checkpoint.tensors.map(\.stored.file)).count == 2)
    let byIndex = try Containers.read(folder["m/model.safetensors.index.json"])
    #expect(byIndex.tensors.map(\.name) == checkpoint.tensors.map(\.name))
  }

  private static var right: String {
    let bytes = try? Fixtures.bytes("safetensors/valid/sharded/model.safetensors.index.json")
    return String(decoding: bytes ?? [], as: UTF8.self)
  }

  @Test(
    "an index that does not match its shards is refused",
    arguments: [
      "{}", "[]", #"{"weight_map": {}}"#, #"{"weight_map": {"a": 1}}"#, "{", "",
      #"{"weight_map": {"a": "../secret.safetensors"}}"#,
      #"{"weight_map": {"a": "/etc/passwd"}}"#, #"{"weight_map": {"a": ".."}}"#,
    ])
  func badIndex(text: String) throws {
    let folder = try Self.folder(index: text)
    #expect(throws: FormatError.self) { try Containers.read(folder["m"]) }
  }

  @Test("an error names a tensor that the index lists in the other shard or not at all")
  func misplaced() throws {
    let swapped = Self.right
      .replacing("model-00001", with: "model-x").replacing("model-00002", with: "model-00001")
      .replacing("model-x", with: "model-00002")
    let folder = try Self.folder(index: swapped)
    let error = #expect(throws: SeveralErrors.self) { try Containers.read(folder["m"]) }
    #expect(error?.description.contains("the index lists it in") == true)
  }

  @Test("errors name all tensors that only the index or only the shards contain")
  func several() throws {
    let folder = try Self.folder(
      index: #"{"weight_map": {"nowhere": "model-00001-of-00002.safetensors"}}"#)
    let error = #expect(throws: SeveralErrors.self) { try Containers.read(folder["m"]) }
    #expect((error?.errors.count ?? 0) > 1)
  }

  @Test("one error names all missing shards, and the files that the index does not list")
  func missing() throws {
    let folder = try Self.folder(
      index: Self.right.replacing("model-00002", with: "model-00009")
        .replacing("model-00001", with: "model-00008"))
    let error = #expect(throws: FormatError.self) { try Containers.read(folder["m"]) }
    #expect(error?.code == .modelDirectory)
    let reason = error?.reason.description ?? ""
    #expect(
      reason.hasPrefix(
        "2 of 2 shards in the index are missing: model-00008-of-00002.safetensors, "
          + "model-00009-of-00002.safetensors; the folder has model-00001-of-00002.safetensors"))
  }

  @Test("files beside the weights are companions; weights in other formats are skipped")
  func companions() throws {
    let folder = try Self.folder()
    for name in ["config.json", "sub/vocab.txt", "pytorch_model.bin", ".git/HEAD"] {
      try folder.write([1, 2, 3], to: "m/\(name)")
    }
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.companions.map(\.name) == ["config.json", "sub/vocab.txt"])
    #expect(checkpoint.skipped.map(\.path) == ["pytorch_model.bin"])
    #expect(checkpoint.skipped.map(\.reason) == [.otherWeights])
  }

  @Test("one of several shards without an index is refused")
  func loneShard() throws {
    let folder = try TemporaryFolder()
    let bytes = try Fixtures.bytes("safetensors/valid/sharded/model-00002-of-00002.safetensors")
    try folder.write(bytes, to: "m/model-00002-of-00002.safetensors")
    #expect(throws: FormatError.self) { try Containers.read(folder["m"]) }
    #expect(throws: Never.self) {
      try Containers.read(folder["m/model-00002-of-00002.safetensors"])
    }
  }

  @Test(
    "attached files that look like weights, are hidden or conflict are refused",
    arguments: [
      ["model.safetensors"], ["model.safetensors.index.json"], ["pytorch_model.bin"],
      [".git/hooks/post-checkout"], ["a/.hidden"], ["sub", "sub/notes.txt"],
    ])
  func hostileCompanions(names: [String]) throws {
    let folder = try TemporaryFolder()
    let packed = try Checkpoint.inMemory(
      [try .inMemory("w", .f32, [2])], companions: try names.map { try .inMemory($0, .u8, [3]) }
    ).written(to: folder["x.sumac"])
    #expect(throws: (any Error).self) { try packed.written(to: folder["m"]) }
    #expect(try folder.names() == ["x.sumac"])
    #expect(throws: Never.self) { try packed.written(to: folder["x.safetensors"]) }
  }

  @Test("links to folders are not followed")
  func circle() throws {
    let folder = try Self.folder()
    try FileManager.default.createSymbolicLink(
      atPath: folder["m/around"], withDestinationPath: ".")
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.companions.isEmpty)
    #expect(checkpoint.skipped.map(\.path) == ["around/"])
    #expect(checkpoint.skipped.map(\.reason) == [.notAFile])
  }

  @Test("the error for a folder with no or several weights names what was found")
  func none() throws {
    let folder = try TemporaryFolder()
    try folder.write([], to: "m/config.json")
    try folder.write([1], to: "m/x.gguf")
    let error = #expect(throws: FormatError.self) { try Containers.read(folder["m"]) }
    #expect(error?.reason.contains("no weights, only x.gguf") == true)
    let header = try Fixtures.bytes("safetensors/valid/no_tensors.safetensors")
    try folder.write(header, to: "m/a.safetensors")
    #expect(throws: Never.self) { try Containers.read(folder["m"]) }
    try folder.write(header, to: "m/b.safetensors")
    #expect(throws: FormatError.self) { try Containers.read(folder["m"]) }
  }

  @Test(
    "the name of an output determines its container",
    arguments: [
      ("x.sumac", .sumac), ("X.SUMAC", .sumac), ("a/b.safetensors", .safetensors),
      ("folder", .directory), ("folder/", .directory), ("llama-3.1-8B", .directory),
      ("x.sumac/", .directory), ("a.b/c", .directory), (".hidden", .directory),
      ("v1.0", .directory),
    ] as [(String, ContainerName)])
  func containers(path: String, container: ContainerName) throws {
    #expect(try Containers.output(forPath: path).name == container)
  }

  @Test(
    "an unknown suffix that looks like a format is refused",
    arguments: ["x.gguf", "x.safetensor", "m.pkl"])
  func unknownSuffix(path: String) {
    #expect(throws: UsageError.self) { try Containers.output(forPath: path) }
  }
}
