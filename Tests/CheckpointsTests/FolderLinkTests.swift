import Base
import Checkpoints
import Containers
import Foundation
import TestSupport
import Testing

/// Tests of links in model folders.
@Suite struct FolderLinkTests {
  private func link(_ folder: TemporaryFolder, _ name: String, to target: String) throws {
    try FileManager.default.createDirectory(
      atPath: URL(fileURLWithPath: folder[name]).deletingLastPathComponent().path,
      withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: folder[name], withDestinationPath: target)
  }

  private func kinds(_ path: String, in folder: String = "") throws -> [String: FileTreeEntry.Kind]
  {
    let entries = try DiskFolder(path).entries(in: folder)
    return Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.kind) })
  }

  @Test("a link to a file is a file only if it stays inside the folder")
  func outside() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "secret")
    try folder.write([1], to: "model2/a.txt")
    try folder.write([1], to: "model/a.txt")
    try link(folder, "model/inner.txt", to: "a.txt")
    try link(folder, "model/sub/up.txt", to: "../a.txt")
    try link(folder, "model/absolute.txt", to: folder["model/a.txt"])
    try link(folder, "model/notes.txt", to: "../secret")
    try link(folder, "model/chain.txt", to: "notes.txt")
    try link(folder, "model/sibling.txt", to: "../model2/a.txt")
    try link(folder, "model/broken.txt", to: "nothing")
    #expect(
      try kinds(folder["model"]) == [
        "a.txt": .file, "inner.txt": .file, "sub": .folder, "absolute.txt": .file,
        "notes.txt": .linkedFile, "chain.txt": .linkedFile, "sibling.txt": .linkedFile,
        "broken.txt": .brokenLink,
      ])
    #expect(try kinds(folder["model"], in: "sub") == ["up.txt": .file])
  }

  @Test("the links of a snapshot in the cache of Hugging Face are files")
  func snapshots() throws {
    let folder = try TemporaryFolder()
    let snapshot = "models--a--b/snapshots/0123"
    for name in ["models--a--b/blobs/f00d", "models--a--b/refs/main", "models--c--d/blobs/f00d"] {
      try folder.write([1], to: name)
    }
    try link(folder, snapshot + "/config.json", to: "../../blobs/f00d")
    try link(folder, snapshot + "/unet/config.json", to: "../../../blobs/f00d")
    try link(folder, snapshot + "/main.txt", to: "../../refs/main")
    try link(folder, snapshot + "/other.txt", to: "../../../models--c--d/blobs/f00d")
    #expect(
      try kinds(folder[snapshot]) == [
        "config.json": .file, "unet": .folder, "main.txt": .linkedFile, "other.txt": .linkedFile,
      ])
    #expect(try kinds(folder[snapshot], in: "unet") == ["config.json": .file])
    #expect(try kinds(folder[snapshot + "/unet"]) == ["config.json": .file])
  }

  @Test("a folder of blobs that is a link itself does not open other folders")
  func linkedBlobs() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "etc/shadow")
    try link(folder, "m/blobs", to: "../etc")
    try link(folder, "m/snapshots/1/notes.txt", to: "../../blobs/shadow")
    #expect(try kinds(folder["m/snapshots/1"]) == ["notes.txt": .linkedFile])
  }

  @Test("a file that is a link out of the model is not embedded, and weights are named")
  func model() throws {
    let folder = try TemporaryFolder()
    let weights = try Fixtures.bytes("safetensors/valid/no_tensors.safetensors")
    try folder.write(weights, to: "weights")
    try folder.write([1], to: "secret")
    try link(folder, "m/model.safetensors", to: "../weights")
    try link(folder, "m/notes.txt", to: "../secret")
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.companions.isEmpty)
    #expect(
      checkpoint.notes.map(\.description) == [
        "\(folder["m"])/model.safetensors is a link that leaves the folder"
      ])
    #expect(checkpoint.skipped.map(\.path) == ["notes.txt"])
    #expect(checkpoint.skipped.map(\.reason) == [.outsideLink])
  }
}
