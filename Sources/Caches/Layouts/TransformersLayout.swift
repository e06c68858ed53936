import Base
import Checkpoints
import PyTorch
import TensorCore

/// The layout of caches of the transformers library that were saved with `torch.save`: a `DynamicCache`, or a list or
/// tuple of pairs of keys and values, by itself or as an entry of a dictionary.
///
/// Tensors are [batch, kv heads, tokens, head dim], and keys are rotated.
package enum TransformersLayout: CacheLayout {
  package static let name = "transformers"
  package static let summary = "DynamicCache or pairs of keys and values, saved by torch.save"

  /// The names of keys and values, where `N` is the layer's number: of newer and older objects, and of pairs.
  private static let patterns: [(key: String, value: String)] = [
    ("layers.N.keys", "layers.N.values"), ("key_cache.N", "value_cache.N"), ("N.0", "N.1"),
  ]

  /// The names under which dictionaries contain a cache.
  private static let prefixes = [
    "", "past_key_values.", "past_key_value.", "kv_cache.", "cache.", "past.",
  ]

  /// The classes whose tensors contain the tokens and nothing else.
  private static let classes: Set<String> = ["DynamicCache", "DynamicLayer"]

  private static let tokenNames = ["token_ids", "input_ids", "tokens"]

  package static func recognizes(_ files: CacheFiles) throws -> Bool {
    guard files.isAlone, !files.isFolder, PyTorchContainer.recognition(of: files.input) == .content
    else { return false }
    let checkpoint = try PyTorchContainer.read(files.input, key: "")
    return pattern(of: checkpoint) != nil
  }

  /// Returns the first pattern that matches at least one tensor of keys and one of values.
  private static func pattern(of checkpoint: Checkpoint) -> (key: String, value: String)? {
    let names = checkpoint.tensors.map(\.name)
    for prefix in prefixes {
      for pattern in patterns {
        let (key, value) = (prefix + pattern.key, prefix + pattern.value)
        if names.contains(where: { LayeredLayout.number(in: $0, key) != nil }),
          names.contains(where: { LayeredLayout.number(in: $0, value) != nil })
        {
          return (key, value)
        }
      }
    }
    return nil
  }

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    let checkpoint = try PyTorchContainer.read(files.input, key: "")
    guard let pattern = pattern(of: checkpoint) else {
      throw FormatError(
        .cacheLayout, "has no keys and values of layers", path: files.path,
        hint: "expected a DynamicCache or pairs of keys and values; the file has "
          + checkpoint.tensors.prefix(3).map { $0.name.printable }.joined(separator: ", "))
    }
    try checkClasses(checkpoint, path: files.path)
    var keys: [Int: LazyTensor] = [:]
    var values: [Int: LazyTensor] = [:]
    var others: [LazyTensor] = []
    for tensor in checkpoint.tensors {
      if let number = LayeredLayout.number(in: tensor.name, pattern.key) {
        keys[number] = try checked(tensor, path: files.path)
      } else if let number = LayeredLayout.number(in: tensor.name, pattern.value) {
        values[number] = try checked(tensor, path: files.path)
      } else {
        others.append(tensor)
      }
    }
    try checkPairs(others, pattern, path: files.path)
    let layers = try Set(keys.keys).union(values.keys).sorted().map { number -> KVCache.Layer in
      guard let key = keys[number], let value = values[number] else {
        throw FormatError(
          .cacheShape,
          "is present, but the \(keys[number] == nil ? "keys" : "values") of its layer are missing",
          path: files.path, tensor: (keys[number] ?? values[number])?.name)
      }
      return KVCache.Layer(number: number, key: key, value: value)
    }
    return try KVCache(
      layout: name, layers: layers, others: others,
      tokenIDs: try LayeredLayout.numbers(others, tokenNames, files.path), origin: checkpoint)
  }

  /// Throws if the file has a cache of another class: its tensors have room for more tokens than it holds, or only a part
  /// of them.
  private static func checkClasses(_ checkpoint: Checkpoint, path: String) throws {
    guard
      case .array(let globals)? = checkpoint.metadata.first(where: {
        $0.key == PyTorchFile.globalsKey
      })?.value
    else { return }
    for global in globals.compactMap(\.asString) where global.contains("cache_utils.") {
      let name = global.split(separator: ".").last.map(String.init) ?? global
      guard !classes.contains(name), name.hasSuffix("Cache") || name.hasSuffix("Layer") else {
        continue
      }
      throw FormatError(
        .cacheLayout, "holds an object of the class \(name.printable), which is not supported",
        path: path, hint: "save a DynamicCache, or pairs of keys and values")
    }
  }

  private static func checked(_ tensor: LazyTensor, path: String) throws -> LazyTensor {
    guard tensor.info.shape.dimensions.count == 4 else {
      throw FormatError(
        .cacheShape,
        "is \(tensor.info.shape), expected [batch, kv heads, tokens, head dim]", path: path,
        tensor: tensor.name)
    }
    return tensor
  }

  /// Throws if a layer has more tensors than keys and values, such as those of an encoder.
  private static func checkPairs(
    _ others: [LazyTensor], _ pattern: (key: String, value: String), path: String
  ) throws {
    guard pattern.key.hasSuffix("N.0") else { return }
    let third = pattern.key.dropLast() + "2"
    if let tensor = others.first(where: { LayeredLayout.number(in: $0.name, String(third)) != nil })
    {
      throw FormatError(
        .cacheShape, "is a third tensor of its layer; only keys and values are supported",
        path: path, tensor: tensor.name)
    }
  }
}
