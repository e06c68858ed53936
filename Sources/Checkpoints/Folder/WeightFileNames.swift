/// The names under which programs look for weights in a model folder.
package enum WeightFileNames {
  /// The stems of safetensors files that libraries load by name.
  package static let safetensorsStems: Set<String> = [
    "model", "diffusion_pytorch_model", "adapter_model", "pytorch_lora_weights", "consolidated",
    "open_clip_model",
  ]
  /// The stems of weights in any format.
  private static let stems = safetensorsStems.union([
    "pytorch_model", "tf_model", "flax_model", "rust_model", "diffusion_flax_model",
    "open_clip_pytorch_model",
  ])
  /// The suffixes of files that libraries load as weights.
  private static let weightSuffixes = [
    ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".ot",
  ]
  /// The suffixes of files that may contain tensors of any kind.
  package static let tensorSuffixes = weightSuffixes + [".npz", ".npy", ".pkl", ".pickle"]
  /// The suffixes of whole models that were exported for one program.
  package static let exportedSuffixes = [
    ".onnx", ".onnx_data", ".onnx.data", ".jit", ".torchscript", ".nemo", ".engine", ".plan",
    ".trt", ".tflite", ".gguf", ".ggml", ".h5", ".msgpack", ".ot", ".sumac", ".mlmodel",
    ".pdparams", ".pte", ".ptl", ".mnn", ".rknn", ".llamafile",
  ]

  /// Returns the part of a file name before its variant, shard number and suffix: `model` for
  /// `model.fp16-00001-of-00002.safetensors`.
  package static func stem(of name: String) -> String {
    let first = name.prefix { $0 != "." }
    return ShardMark.removed(from: first, onlyAtEnd: true)
  }

  /// Returns the name that outputs give the weights of a file: its name without suffix and shard number, with the
  /// variant. Names for PyTorch become those for safetensors: `pytorch_model.bin` becomes `model`.
  package static func weightsName(of file: String) -> String {
    let suffix = (weightSuffixes + [".sumac"]).first(where: file.hasSuffix) ?? ""
    let name = ShardMark.removed(from: file.dropLast(suffix.count))
    guard ![".safetensors", ".sumac"].contains(suffix) else { return name }
    for (old, new) in [
      ("pytorch_model", "model"), ("open_clip_pytorch_model", "open_clip_model"),
    ] where name == old || name.hasPrefix(old + ".") {
      return new + name.dropFirst(old.count)
    }
    return name
  }

  /// Returns true for the name of a shard, such as `model-00001-of-00002.safetensors`.
  package static func isShard(_ name: String) -> Bool { ShardMark.isBeforeSuffix(of: name) }

  /// Returns true for the name of a `.sumac` shard, which needs an index.
  package static func isPackedShard(_ name: String) -> Bool {
    name.hasSuffix(".sumac") && isShard(name)
  }

  /// Returns true if loaders would take a file of this name for the weights of the folder or for their index.
  ///
  /// - Parameter path: The path inside the folder. Loaders only look at the top.
  package static func isTakenForWeights(_ path: String) -> Bool {
    let name = path.lowercased()
    guard !name.contains("/") else { return false }
    if name.hasSuffix(".safetensors") || isIndexName(name) { return true }
    return weightSuffixes.contains(where: name.hasSuffix) && stems.contains(stem(of: name))
  }

  /// Returns true for the name of an index, such as `model.safetensors.index.json` or
  /// `model.safetensors.index.fp16.json`.
  package static func isIndexName(_ name: String) -> Bool {
    name.contains(".index.") && name.hasSuffix(".json")
  }

  /// Returns true if the suffix of a file is one of files with tensors.
  package static func mayContainTensors(_ path: String) -> Bool {
    let name = path.lowercased()
    return (tensorSuffixes + exportedSuffixes).contains(where: name.hasSuffix)
  }

  /// Returns true if an exported model has the stem of weights, such as `model.onnx`.
  package static func isNamedLikeWeights(_ path: String) -> Bool {
    let name = path.lowercased().split(separator: "/").last ?? ""
    return stems.contains(stem(of: String(name)))
  }
}
