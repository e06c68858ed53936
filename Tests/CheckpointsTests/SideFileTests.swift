import Base
import Checkpoints
import Containers
import TensorCore
import TestSupport
import Testing

/// Tests of the files beside the weights: content and size decide, not the suffix alone.
@Suite struct SideFileTests {
  /// A folder with 64 x 64 weights of F32, which have 16,384 bytes.
  static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.writeWeights("m/model.safetensors", ["encoder.weight": [64, 64]])
    return folder
  }

  private static func zip(_ count: Int) -> [UInt8] {
    [0x50, 0x4B, 3, 4] + [UInt8](repeating: 1, count: count - 4)
  }

  @Test(
    "small files with tensors belong to the model",
    arguments: [
      ("voices/af.pt", 2_000), ("voices/long.pt", 500_000), ("vocab.bin", 3_000),
      ("tokenizer.json", 40_000), ("silero_vad.onnx", 500), ("2_Dense/pytorch_model.bin", 9_900),
      ("training_args.bin", 5_000), ("config.json", 16_384), ("empty", 0),
    ])
  func belongs(path: String, byteCount: Int) throws {
    let folder = try Self.folder()
    try folder.write(
      path.hasSuffix(".pt") ? Self.zip(byteCount) : [UInt8](repeating: 1, count: byteCount),
      to: "m/\(path)")
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.companions.map(\.name) == [path])
    #expect(checkpoint.skipped.isEmpty)
    // They come back through a .sumac file.
    let packed = try checkpoint.written(to: folder["x.sumac"])
    _ = try packed.written(to: folder["out"])
    #expect(try folder.bytes("out/\(path)") == folder.bytes("m/\(path)"))
  }

  @Test(
    "exported models and copies of the weights do not belong to the model",
    arguments: [
      ("model.onnx", 100), ("parakeet.nemo", 16_384), ("net.jit", 16_500),
      ("trt/unet.engine", 9_000), ("weights.bin", 16_400), ("half/double.pt", 33_500),
      ("model.gguf", 8), ("openvino/openvino_model.bin", 16_384), ("onnx/model_int8.onnx", 4_200),
    ])
  func copies(path: String, byteCount: Int) throws {
    let folder = try Self.folder()
    try folder.write([UInt8](repeating: 1, count: byteCount), to: "m/\(path)")
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.companions.isEmpty)
    #expect(checkpoint.skipped.map(\.path) == [path])
    #expect(checkpoint.skipped.map(\.reason) == [.copyOfWeights])
  }

  @Test(
    "files that loaders take for weights are never companions",
    arguments: [
      "pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "tf_model.h5", "consolidated.00.pth",
      "flax_model.msgpack", "pytorch_model.bin.index.json", "other.safetensors",
      "diffusion_pytorch_model.fp16.bin",
    ])
  func otherWeights(name: String) throws {
    let folder = try Self.folder()
    try folder.write([1, 2, 3], to: "m/\(name)")
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.skipped.map(\.reason) == [.otherWeights])
    #expect(CompanionChoice.all.applied(to: checkpoint).companions.isEmpty)
  }

  @Test("the weights of a module in a subfolder belong to the model")
  func module() throws {
    let folder = try Self.folder()
    try folder.writeWeights(
      "m/2_Dense/model.safetensors", ["linear.weight": [32, 64], "linear.bias": [32]])
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.companions.map(\.name) == ["2_Dense/model.safetensors"])
    _ = try checkpoint.written(to: folder["x.sumac"]).written(to: folder["out"])
    #expect(
      try folder.bytes("out/2_Dense/model.safetensors")
        == folder.bytes("m/2_Dense/model.safetensors"))
  }

  @Test("safetensors files in subfolders with the same tensors or as many values are copies")
  func copiesOfTensors() throws {
    let folder = try Self.folder()
    try folder.writeWeights("m/a/part.safetensors", ["encoder.weight": [64, 64]])
    try folder.writeWeights("m/b/renamed.safetensors", ["layers.0.weight": [4_096]])
    let checkpoint = try Containers.read(folder["m"])
    #expect(checkpoint.companions.isEmpty)
    #expect(checkpoint.skipped.map(\.reason) == [.copyOfWeights, .copyOfWeights])
  }

  @Test("the choice of companions adds copies, or removes all files")
  func choices() throws {
    let folder = try Self.folder()
    try folder.write([1], to: "m/config.json")
    try folder.write([UInt8](repeating: 1, count: 16_384), to: "m/a.nemo")
    let checkpoint = try Containers.read(folder["m"])
    func names(_ choice: CompanionChoice) -> [String] {
      let once = choice.applied(to: checkpoint)
      #expect(choice.applied(to: once).companions.count == once.companions.count)
      return once.companions.map(\.name)
    }
    #expect(names(.small) == ["config.json"])
    #expect(names(.all) == ["a.nemo", "config.json"])
    #expect(names(.none) == [])
    #expect(CompanionChoice.none.applied(to: checkpoint).skipped.isEmpty)
  }
}
