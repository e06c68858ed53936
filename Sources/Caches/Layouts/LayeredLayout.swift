import Checkpoints
import TensorCore

/// A tensor for the keys and one for the values of each layer, named by its number: safetensors files of
/// sumac and others, and `.sumac` files.
package enum LayeredLayout: WritableCacheLayout {
  package static let name = "safetensors"
  package static let holdsAll = true
  package static let summary = "a tensor for each layer's keys and values, by number"

  /// Names of keys and values, `N` standing for the layer's number.
  private static let patterns: [(key: String, value: String)] = [
    ("layers.N.key", "layers.N.value"), ("layers.N.k", "layers.N.v"),
    ("layer_N_keys", "layer_N_values"), ("layer_N_key", "layer_N_value"),
    ("N_keys", "N_values"), ("past_key_values.N.key", "past_key_values.N.value"),
    ("past_key_values.N.keys", "past_key_values.N.values"), ("present.N.key", "present.N.value"),
    ("layers.N.keys", "layers.N.values"), ("key_cache.N", "value_cache.N"),
  ]

  private static let tokenNames = ["token_ids", "input_ids", "tokens"]

  package static func recognizes(_ files: CacheFiles) throws -> Bool {
    guard files.paths.count == 1, !files.isFolder else { return false }
    let glance = try InputGlance(path: files.path)
    guard PackedContainer.recognizes(glance) || SafetensorsContainer.recognizes(glance) else {
      return false
    }
    return pattern(of: try Containers.read(files.path)) != nil
  }

  /// The first pattern that some tensor has for its keys, and another for its values.
  private static func pattern(of checkpoint: Checkpoint) -> (key: String, value: String)? {
    let names = checkpoint.tensors.map(\.name)
    return patterns.first { pattern in
      names.contains { number(in: $0, pattern.key) != nil }
        && names.contains { number(in: $0, pattern.value) != nil }
    }
  }

  static func number(in name: String, _ pattern: String) -> Int? {
    let parts = pattern.split(separator: "N", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, name.hasPrefix(parts[0]), name.hasSuffix(parts[1]),
      name.utf8.count > parts[0].utf8.count + parts[1].utf8.count
    else { return nil }
    let digits = name.dropFirst(parts[0].count).dropLast(parts[1].count)
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits),
      number < 1 << 20
    else { return nil }
    return number
  }

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    let checkpoint = try Containers.read(files.path)
    guard let pattern = pattern(of: checkpoint) else {
      throw FormatError(
        .cacheLayout, "has no keys and values of layers under a name that is known",
        path: files.path,
        hint: "such as layers.0.key and layers.0.value; it has "
          + checkpoint.tensors.prefix(3).map { $0.name.printable }.joined(separator: ", "))
    }
    var keys: [Int: LazyTensor] = [:]
    var values: [Int: LazyTensor] = [:]
    var others: [LazyTensor] = []
    for tensor in checkpoint.tensors {
      if let number = number(in: tensor.name, pattern.key) {
        keys[number] = tensor
      } else if let number = number(in: tensor.name, pattern.value) {
        values[number] = tensor
      } else {
        others.append(tensor)
      }
    }
    let blocks = CacheBlocks(&others)
    let layers = try keys.keys.sorted().map { number -> KVCache.Layer in
      guard let key = keys[number], let value = values[number] else {
        throw FormatError(
          .cacheShape, "is there, the values of its layer are not", path: files.path,
          tensor: keys[number]?.name)
      }
      return KVCache.Layer(
        number: number,
        key: try blocks.joined(canonical(key, hints, files.path), path: files.path),
        value: try blocks.joined(canonical(value, hints, files.path), path: files.path))
    }
    for number in values.keys.sorted() where keys[number] == nil {
      throw FormatError(
        .cacheShape, "is there, the keys of its layer are not", path: files.path,
        tensor: values[number]?.name)
    }
    var cache = try KVCache(
      layout: checkpoint.container == .sumac ? "sumac" : name, layers: layers, others: others,
      tokenIDs: try numbers(others, tokenNames), origin: checkpoint)
    if let positions = try numbers(others, [KVCache.positionsName]),
      positions.count == cache.tokenCount
    {
      cache.positions = positions
    }
    return cache
  }

  /// A tensor as [batch, kv heads, tokens, head dim].
  private static func canonical(
    _ tensor: LazyTensor, _ hints: CacheHints, _ path: String
  ) throws -> LazyTensor {
    let dimensions = tensor.info.shape.dimensions
    if dimensions.count == 4 { return tensor }
    guard dimensions.count == 3 else {
      throw FormatError(
        .cacheShape,
        "is \(tensor.info.shape), expected [batch, kv heads, tokens, head dim] or three of these",
        path: path, tensor: tensor.name)
    }
    // sumac's older names had a shape of their own.
    var axes = hints.axes ?? (tensor.name.hasPrefix("layers.") ? .htd : nil)
    if axes == nil, let heads = hints.heads, dimensions[0] != dimensions[1] {
      axes = dimensions[0] == heads ? .htd : dimensions[1] == heads ? .thd : nil
      if axes == nil {
        throw FormatError(
          .cacheShape, "is \(tensor.info.shape), \(heads) kv heads were asked for",
          path: path, tensor: tensor.name)
      }
    }
    guard let axes else {
      throw FormatError(
        .cacheShape,
        "is \(tensor.info.shape): whether heads or tokens come first is not in the file",
        path: path,
        tensor: tensor.name, hint: "say it: --axes htd or --axes thd")
    }
    switch axes {
    case .htd: return tensor.renamed(tensor.name, shape: try Shape([1] + dimensions))
    case .thd:
      return HeadMajorSource.tensor(
        tensor.name, of: tensor, heads: dimensions[1], tokens: dimensions[0], dim: dimensions[2],
        offset: 0, tokenStride: dimensions[1] * dimensions[2], headStride: dimensions[2])
    }
  }

  private static func numbers(_ others: [LazyTensor], _ names: [String]) throws -> [Int32]? {
    let tensor = others.first {
      names.contains($0.name) && ($0.info.dtype == .i32 || $0.info.dtype == .i64)
        && $0.info.elementCount <= 1 << 24
    }
    guard let tensor else { return nil }
    let bytes = try tensor.bytes()
    let width = tensor.info.dtype == .i32 ? 4 : 8
    return (0..<tensor.info.elementCount).map { place in
      (0..<4).reduce(Int32(0)) { $0 | Int32(bytes[width * place + $1]) << (8 * Int32($1)) }
    }
  }

  /// Without metadata and lineage; commands write those too.
  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    CacheFilesWriter(
      [
        try CacheFilesWriter.File(
          name: "", safetensors: cache.checkpoint.tensors, path: request.path)
      ], isDirectory: false)
  }
}
