import Base
import Checkpoints
import Containers
import Foundation
import TensorCore
import TestSupport
import Testing

/// Model folders of several components are one model.
@Suite struct PipelineTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func text(_ json: String, _ name: String) throws {
    try folder.write(Array(json.utf8), to: name)
  }

  /// Writes weights with the given names, under the name of a file.
  private func weights(_ names: [String], _ path: String, seed: UInt64) throws {
    let tensors = try names.enumerated().map {
      try LazyTensor.random($1, [4, 8], seed: seed + UInt64($0))
    }
    let checkpoint = Checkpoint(
      path: "memory", container: .memory, tensors: tensors,
      metadata: [Checkpoint.Metadatum(key: "from", value: path)],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    try folder.write([], to: path)
    try write(checkpoint, path, replacing: true)
  }

  private func write(_ checkpoint: Checkpoint, _ path: String, replacing: Bool = false) throws {
    let container = try Containers.output(forPath: path)
    let job = try OutputJob(
      checkpoint, to: folder[path], container: container, options: WriterOptions(),
      replacesExisting: replacing)
    try job.run(
      jobs: 2, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
  }

  private func pipeline() throws {
    try text(
      #"{"_class_name": "P", "unet": ["diffusers", "U"], "vae": ["diffusers", "V"], "x": [null, null]}"#,
      "sd/model_index.json")
    try weights(
      ["a.weight", "b.weight"], "sd/unet/diffusion_pytorch_model.safetensors", seed: 1)
    try weights(["a.weight"], "sd/vae/diffusion_pytorch_model.safetensors", seed: 5)
    try weights(["e.weight"], "sd/text_encoder/model.safetensors", seed: 7)
    try text("{}", "sd/unet/config.json")
    try text("{}", "sd/scheduler/scheduler_config.json")
  }

  /// The values of all tensors by name.
  private func values(_ checkpoint: Checkpoint) throws -> [String: [UInt8]] {
    try Dictionary(uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, try $0.bytes()) })
  }

  private func files(_ root: String) throws -> [String] {
    try #require(FileManager.default.enumerator(atPath: folder[root])).compactMap { $0 as? String }
      .filter { !FileSystem.isDirectory(folder["\(root)/\($0)"]) }.sorted()
  }

  @Test("names state the component, those that the list does not name included")
  func names() throws {
    try pipeline()
    let read = try Containers.read(folder["sd"])
    #expect(
      read.tensors.map(\.name) == [
        "unet/a.weight", "unet/b.weight", "vae/a.weight", "text_encoder/e.weight",
      ])
    #expect(read.companions.map(\.name).contains("unet/config.json"))
    #expect(read.skipped.isEmpty && read.notes.isEmpty)
    #expect(read.tensors[2].stored.file == "vae/diffusion_pytorch_model.safetensors")
  }

  @Test("every file keeps its name, place and values", arguments: ["out", "x.sumac"])
  func roundTrip(through: String) throws {
    try pipeline()
    let original = try Containers.read(folder["sd"])
    try write(original, through)
    let kept = try Containers.read(folder[through])
    #expect(kept.folder == original.folder)
    try write(kept, "back")
    #expect(try files("back") == files("sd"))
    let vae = try Containers.read(folder["back/vae/diffusion_pytorch_model.safetensors"])
    #expect(vae.tensors.map(\.name) == ["a.weight"])
    #expect(
      vae.metadataString("from") == "sd/vae/diffusion_pytorch_model.safetensors")
    #expect(try values(Containers.read(folder["back"])) == values(original))
  }

  @Test("modules of sentence-transformers have the folder itself as the first")
  func modules() throws {
    try text(
      #"[{"idx": 0, "path": ""}, {"idx": 1, "path": "1_Pooling"}, {"idx": 2, "path": "2_Dense"}]"#,
      "st/modules.json")
    try weights(["encoder.weight"], "st/model.safetensors", seed: 1)
    try weights(["linear.weight"], "st/2_Dense/model.safetensors", seed: 2)
    try text("{}", "st/1_Pooling/config.json")
    let read = try Containers.read(folder["st"])
    #expect(read.tensors.map(\.name) == ["encoder.weight", "2_Dense/linear.weight"])
    try write(read, "back")
    #expect(try files("back") == files("st"))
  }

  @Test("shards of a component have an index beside them")
  func shards() throws {
    try pipeline()
    let read = try Containers.read(folder["sd"])
    let job = try OutputJob(
      read, to: folder["out"], container: Containers.output(forPath: "out"),
      options: WriterOptions(shardByteCount: 130), replacesExisting: false)
    try job.run(
      jobs: 1, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
    #expect(
      try folder.names(in: "out/unet") == [
        "config.json", "diffusion_pytorch_model-00001-of-00002.safetensors",
        "diffusion_pytorch_model-00002-of-00002.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
      ])
    #expect(try values(Containers.read(folder["out"])) == values(read))
    let unet = try Containers.read(folder["out/unet"])
    #expect(unet.tensors.map(\.name) == ["a.weight", "b.weight"])
  }

  @Test("a variant is read if it is asked for, otherwise the plain files")
  func variants() throws {
    try pipeline()
    try weights(
      ["a.weight"], "sd/unet/diffusion_pytorch_model.fp16.safetensors", seed: 20)
    let plain = try Containers.read(folder["sd"])
    #expect(plain.tensors.count == 4)
    #expect(plain.notes.count == 1 && plain.notes[0].contains("fp16"))
    #expect(plain.skipped.map(\.path) == ["unet/diffusion_pytorch_model.fp16.safetensors"])
    let half = try Containers.read(folder["sd"], choice: WeightsChoice(variant: "fp16"))
    #expect(half.tensors.map(\.name).first == "unet/a.weight" && half.tensors.count == 3)
    #expect(half.folder.components[0].layout.weightsName == "diffusion_pytorch_model.fp16")
  }

  @Test("a checkpoint of the whole model beside the components is left out, and said")
  func singleFile() throws {
    try pipeline()
    try weights(["model.diffusion.weight"], "sd/v1-5-pruned.safetensors", seed: 30)
    let read = try Containers.read(folder["sd"])
    #expect(read.tensors.count == 4)
    #expect(read.skipped.map(\.path) == ["v1-5-pruned.safetensors"])
  }

  @Test("faults of all components are reported together")
  func faults() throws {
    try pipeline()
    try folder.write([1, 2, 3], to: "sd/unet/diffusion_pytorch_model.safetensors")
    try folder.write([9, 9], to: "sd/vae/diffusion_pytorch_model.safetensors")
    let error = #expect(throws: SeveralErrors.self) { try Containers.read(folder["sd"]) }
    #expect(error?.errors.count == 2)
  }

  @Test("a name like that of a component is refused")
  func collision() throws {
    try text(#"[{"path": ""}, {"path": "2_Dense"}]"#, "st/modules.json")
    try weights(["2_Dense/a"], "st/model.safetensors", seed: 1)
    try weights(["a"], "st/2_Dense/model.safetensors", seed: 2)
    let error = #expect(throws: FormatError.self) { try Containers.read(folder["st"]) }
    #expect(error?.tensor == "2_Dense/a")
  }

  @Test(
    "components of a packed file that lead out of the folder are ignored",
    arguments: ["../x", "/x", ".hidden", "a//b", ""])
  func unsafePaths(path: String) throws {
    try pipeline()
    var checkpoint = try Containers.read(folder["sd"])
    checkpoint.folder.components[0].path = path
    try write(checkpoint, "x.sumac")
    let read = try Containers.read(folder["x.sumac"])
    #expect(read.folder == FolderLayout() && read.notes.count == 1)
  }
}
