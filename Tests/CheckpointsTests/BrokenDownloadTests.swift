import Base
import Checkpoints
import Containers
import Foundation
import ModelDirectories
import Safetensors
import TensorCore
import TestSupport
import Testing

/// Tests of what a failed download leaves: each is recognized, and all bad files are reported together.
@Suite struct BrokenDownloadTests {
  private static let pointer = """
    version https://git-lfs.github.com/spec/v1
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
    size 4976698672

    """

  @Test("every shard that is a Git LFS pointer is named, with one hint")
  func pointers() throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m")
    for number in [1, 2] {
      try folder.write(
        Array(Self.pointer.utf8), to: "m/model-0000\(number)-of-00002.safetensors")
    }
    let error = #expect(throws: SeveralErrors.self) { try Containers.read(folder["m"]) }
    let faults = (error?.errors ?? []).compactMap { $0 as? FormatError }
    #expect(faults.map(\.code) == [.lfsPointer, .lfsPointer])
    #expect(faults.allSatisfy { $0.reason.contains("of 4,976,698,672 bytes") })
    #expect(faults.map { $0.hint == nil } == [true, false])
  }

  @Test("a pointer in place of a tokenizer is a note")
  func companionPointer() throws {
    let folder = try TemporaryFolder()
    try folder.writeWeights("m/model.safetensors", ["w": [4]])
    try folder.write(Array(Self.pointer.utf8), to: "m/tokenizer.model")
    #expect(
      try Containers.read(folder["m"]).notes.contains {
        $0.contains("tokenizer.model: is a Git LFS pointer")
      })
  }

  @Test(
    "a text in place of a model is described",
    arguments: [
      ("x.safetensors", "<!DOCTYPE html><html></html>", "an HTML page"),
      ("x.safetensors", #"{"error":"Invalid username or password."}"#, "JSON text"),
      ("x.safetensors", "Entry not found", "text"),
      ("x.sumac", "<?xml version=\"1.0\"?><Error/>", "an XML page"),
      ("x.dat", "\n<html><head>", "an HTML page"),
    ])
  func texts(name: String, text: String, kind: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(Array(text.utf8), to: name)
    let error = #expect(throws: FormatError.self) { try Containers.read(folder[name]) }
    #expect(error?.code == .downloadedText)
    #expect(error?.reason.description.hasPrefix("is \(kind), not a model: ") == true)
  }

  @Test("an index that is a page is described")
  func pageAsIndex() throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m")
    try folder.write(Array("<html></html>".utf8), to: "m/model.safetensors.index.json")
    let error = #expect(throws: FormatError.self) { try Containers.read(folder["m"]) }
    #expect(error?.code == .downloadedText)
  }

  @Test("a file that was reserved and not filled has a hint")
  func zeros() throws {
    let folder = try TemporaryFolder()
    try folder.write([UInt8](repeating: 0, count: 4_096), to: "x.safetensors")
    let error = #expect(throws: FormatError.self) {
      try Containers.read(folder["x.safetensors"])
    }
    #expect(error?.code == SafetensorsFault.headerStart.code)
    #expect(error?.hint?.contains("did not finish") == true)
  }

  @Test("all short shards are reported")
  func shortShards() throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m")
    for number in [1, 2] {
      let name = "m/model-0000\(number)-of-00002.safetensors"
      try folder.write(try folder.bytes(name).dropLast(number), to: name)
    }
    let error = #expect(throws: SeveralErrors.self) { try Containers.read(folder["m"]) }
    let faults = (error?.errors ?? []).compactMap { $0 as? FormatError }
    #expect(faults.map(\.code) == [SafetensorsFault.pastEnd.code, SafetensorsFault.pastEnd.code])
  }

  @Test(
    "links to missing files are named: weights, shards, files named by the user, and companions")
  func brokenLinks() throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m")
    let shard = "m/model-00002-of-00002.safetensors"
    try FileManager.default.removeItem(atPath: folder[shard])
    for path in [shard, "single/model.safetensors"] {
      try folder.write([], to: path)
      try FileManager.default.removeItem(atPath: folder[path])
      try FileManager.default.createSymbolicLink(
        atPath: folder[path], withDestinationPath: "../../blobs/0123")
    }
    for path in ["m", "single", "single/model.safetensors"] {
      let error = #expect(throws: FormatError.self) { try Containers.read(folder[path]) }
      #expect(error?.code == .brokenLink)
    }
    try folder.writeWeights("n/model.safetensors", ["w": [4]])
    try FileManager.default.createSymbolicLink(
      atPath: folder["n/tokenizer.model"], withDestinationPath: "../blobs/0123")
    let skipped = try Containers.read(folder["n"]).skipped
    #expect(skipped.map(\.path) == ["tokenizer.model"])
    #expect(skipped.map(\.reason) == [.brokenLink])
  }

  @Test(
    "folders of the Hugging Face cache are recognized",
    arguments: [
      (["hub/models--a--b/refs/main"], "hub", "models--a--b/snapshots/REVISION"),
      (
        ["models--a--b/refs/main", "models--a--b/blobs/1"], "models--a--b",
        "download the model again"
      ),
      (
        ["models--a--b/refs/main", "models--a--b/snapshots/12/config.json"], "models--a--b",
        "models--a--b/snapshots/12"
      ),
    ] as [([String], String, String)])
  func cache(files: [String], path: String, hint: String) throws {
    let folder = try TemporaryFolder()
    for file in files { try folder.write([1], to: file) }
    let error = #expect(throws: FormatError.self) { try Containers.read(folder[path]) }
    #expect(error?.code == .hubCache)
    #expect(error?.hint?.contains(hint) == true)
  }

  @Test("the error for a folder of models names the subfolders with weights")
  func severalModels() throws {
    let folder = try TemporaryFolder()
    try folder.write(Array("{}".utf8), to: "sd/scheduler/scheduler_config.json")
    for name in ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text/model"] {
      try folder.writeWeights("sd/\(name).safetensors", ["w": [4]])
    }
    let error = #expect(throws: FormatError.self) { try Containers.read(folder["sd"]) }
    #expect(error?.code == .severalModels)
    #expect(error?.reason.contains("subfolders: text, unet, vae") == true)
    #expect(error?.hint?.contains(folder["sd/text"]) == true)
  }
}
