import Base
import Checkpoints
import Containers
import PackedFormat
import TensorCore
import TestSupport
import Testing

/// Tests that libraries find converted weights under the names that they had, and that the keys of an index survive.
@Suite struct FolderNameTests {
  @Test(
    "the name of a weights file survives folders and .sumac files",
    arguments: [
      "model", "adapter_model", "diffusion_pytorch_model", "diffusion_pytorch_model.fp16",
      "model.fp16", "custom-v1.5",
    ])
  func single(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.writeWeights("m/\(name).safetensors", ["w": [4, 4]])
    let original = try Containers.read(folder["m"])
    let copy = try original.written(to: folder["copy"])
    #expect(try folder.names(in: "copy") == ["\(name).safetensors"])
    #expect(try copy.contents() == original.contents())
    let packed = try original.written(to: folder["x.sumac"])
    #expect(try packed.written(to: folder["again.sumac"]).folder == original.folder)
    _ = try packed.written(to: folder["restored"])
    #expect(try folder.names(in: "restored") == ["\(name).safetensors"])
  }

  @Test(
    "the name of the weights does not contain the marks of shards",
    arguments: [
      ("model-00001-of-00002.safetensors", "model", "model", true),
      ("model.fp16-00001-of-00002.safetensors", "model", "model.fp16", true),
      ("model-00001-of-00002.fp16.safetensors", "model", "model.fp16", false),
      ("pytorch_model-1-of-2.bin", "pytorch_model", "model", true),
      ("model-1-of.safetensors", "model-1-of", "model-1-of", false),
      ("model-of-2.safetensors", "model-of-2", "model-of-2", false),
      ("a-1-of-2-3-of-4.safetensors", "a-1-of-2", "a", true),
      ("-1-of-2", "", "", false), ("step-1-of-2-x.bin", "step-1-of-2-x", "step-x", false),
    ])
  func marks(file: String, stem: String, weights: String, isShard: Bool) {
    #expect(WeightFileNames.stem(of: file) == stem)
    #expect(WeightFileNames.weightsName(of: file) == weights)
    #expect(WeightFileNames.isShard(file) == isShard)
  }

  @Test(
    "shards and their index have the names that libraries expect",
    arguments: [
      ("adapter_model", "adapter_model.safetensors.index.json"),
      ("model.fp16", "model.safetensors.index.fp16.json"),
      ("custom-v1.5", "custom-v1.5.safetensors.index.json"),
    ])
  func sharded(name: String, index: String) throws {
    let folder = try TemporaryFolder()
    try folder.writeWeights("m/\(name).safetensors", ["a": [4], "b": [4]])
    let options = WriterOptions(shardByteCount: 16)
    let original = try Containers.read(folder["m"])
    let cut = try original.written(to: folder["cut"], options: options)
    let shards = ["\(name)-00001-of-00002.safetensors", "\(name)-00002-of-00002.safetensors"]
    #expect(try folder.names(in: "cut") == (shards + [index]).sorted())
    #expect(cut.folder.weightsName == name)
    #expect(try Set(cut.contents()) == Set(original.contents()))
    _ = try cut.written(to: folder["whole"])
    #expect(try folder.names(in: "whole") == ["\(name).safetensors"])
  }

  @Test(
    "a single file gives its name to a folder only if libraries look for it",
    arguments: [
      ("adapter_model", "adapter_model"), ("diffusion_pytorch_model.fp16", nil), ("half", "model"),
    ] as [(String, String?)])
  func file(name: String, expected: String?) throws {
    let folder = try TemporaryFolder()
    try folder.writeWeights("\(name).safetensors", ["w": [4]])
    _ = try Containers.read(folder["\(name).safetensors"]).written(to: folder["m"])
    #expect(try folder.names(in: "m") == ["\(expected ?? name).safetensors"])
  }

  @Test(
    "an index is found by its weight map, whatever its name",
    arguments: ["weights.json", "model.safetensors.index.fp16.json"])
  func indexName(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m", index: name)
    try folder.write(Array(#"{"model_type": "llama"}"#.utf8), to: "m/config.json")
    // An index of weights in another format is not one of these.
    try folder.write(
      Array(#"{"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}"#.utf8),
      to: "m/pytorch_model.bin.index.json")
    for path in ["m", "m/\(name)"] {
      let checkpoint = try Containers.read(folder[path])
      #expect(checkpoint.tensors.map(\.name) == ["a", "b"])
      #expect(checkpoint.companions.map(\.name) == ["config.json"])
    }
  }

  @Test("where an index and a single file list the same tensors, the single file is read")
  func sameTensors() throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m")
    try folder.writeWeights("m/model.safetensors", ["a": [2, 2], "b": [2]])
    let checkpoint = try Containers.read(folder["m"])
    #expect(Set(checkpoint.tensors.map(\.stored.file)) == ["model.safetensors"])
    #expect(checkpoint.notes.contains { $0.contains("transformers also prefers") })
    let named = try Containers.read(folder["m/model.safetensors.index.json"])
    #expect(Set(named.tensors.map(\.stored.file)).count == 2)
  }

  @Test(
    "an index and a single file with other tensors are ambiguous",
    arguments: ["model", "diffusion_pytorch_model"])
  func ambiguous(stem: String) throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m", stem: stem, index: "\(stem).safetensors.index.json")
    try folder.writeWeights("m/\(stem).safetensors", ["a": [4]])
    let error = #expect(throws: FormatError.self) { try Containers.read(folder["m"]) }
    #expect(error?.reason.contains("which stand for different weights") == true)
  }

  @Test("an index that lists model.safetensors itself is read")
  func indexOfOneFile() throws {
    let folder = try TemporaryFolder()
    try folder.writeWeights("m/model.safetensors", ["a": [4]])
    try folder.write(
      Array(#"{"metadata": {"bits": 4}, "weight_map": {"a": "model.safetensors"}}"#.utf8),
      to: "m/model.safetensors.index.json")
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.folder.indexMetadata["bits"]?.asInt == 4)
    _ = try checkpoint.written(to: folder["copy"])
    let index = try folder.json("copy/model.safetensors.index.json")
    #expect(index["metadata"]?["bits"]?.asInt == 4)
    #expect(index["metadata"]?["total_size"]?.asInt == 16)
  }

  @Test(
    "the other keys of an index survive folders and .sumac files, and its sizes are counted again")
  func indexKeys() throws {
    let folder = try TemporaryFolder()
    try folder.writeShards(
      "m", metadata: #"{"total_size": 1, "total_parameters": 8, "quantization_level": "8"}"#,
      others: #""writer": ["x"], "#)
    var checkpoint = try Containers.read(folder["m"]).written(to: folder["x.sumac"])
    checkpoint.tensors.append(try .inMemory("c", .f32, [4]))
    _ = try checkpoint.written(to: folder["out"], options: WriterOptions(shardByteCount: 16))
    let index = try folder.json("out/model.safetensors.index.json")
    #expect(index["metadata"]?["total_size"]?.asInt == 48)
    #expect(index["metadata"]?["total_parameters"]?.asInt == 12)
    #expect(index["metadata"]?["quantization_level"]?.asString == "8")
    #expect(index["writer"] == ["x"])
    #expect(index["weight_map"]?.asObject?.count == 3)
  }

  @Test("a number of parameters that is not the number of values is kept")
  func statedParameters() throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m", metadata: #"{"total_parameters": 64}"#)
    _ = try Containers.read(folder["m"]).written(to: folder["out"])
    let index = try folder.json("out/model.safetensors.index.json")
    #expect(index["metadata"]?["total_parameters"]?.asInt == 64)
  }

  @Test("the metadata of all shards are kept, and a note names keys with several values")
  func shardMetadata() throws {
    let folder = try TemporaryFolder()
    try folder.writeShards("m")
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.metadata.map(\.key) == ["format", "only-1", "only-2", "shard"])
    #expect(checkpoint.metadataString("shard") == "1")
    #expect(checkpoint.notes.contains { $0.contains("different values of the metadata 'shard'") })
  }

  @Test(
    "a .sumac file cannot name weights outside of a folder",
    arguments: ["../x", "a/b", ".hidden", ""])
  func hostileName(name: String) throws {
    let folder = try TemporaryFolder()
    var checkpoint = Checkpoint.inMemory([try .inMemory("w", .f32, [2])])
    checkpoint.folder.weightsName = name
    let packed = try checkpoint.written(to: folder["x.sumac"])
    #expect(packed.folder == FolderLayout())
    #expect(packed.notes.contains { $0.contains("the names of the model folder") })
  }
}
