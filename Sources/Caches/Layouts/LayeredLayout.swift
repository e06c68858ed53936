import Base
import Checkpoints
import Containers
import Packing
import Safetensors
import TensorCore

/// The layout with one tensor for the keys and one for the values of each layer, named by the layer's number.
///
/// The files are safetensors files of sumac and other programs, and `.sumac` files.
package enum LayeredLayout: WritableCacheLayout {
  package static let name = "safetensors"
  package static let holdsAll = true
  package static let summary = "one tensor per layer for keys and one for values"

  /// The names of keys and values, where `N` is the layer's number.
  private static let patterns: [(key: String, value: String)] = [
    ("layers.N.key", "layers.N.value"), ("layers.N.k", "layers.N.v"),
    ("layer_N_keys", "layer_N_values"), ("layer_N_key", "layer_N_value"),
    ("N_keys", "N_values"), ("past_key_values.N.key", "past_key_values.N.value"),
    ("past_key_values.N.keys", "past_key_values.N.values"), ("present.N.key", "present.N.value"),
    ("layers.N.keys", "layers.N.values"), ("key_cache.N", "value_cache.N"),
  ]

  private static let tokenNames = ["token_ids", "input_ids", "tokens"]

  package static func recognizes(_ files: CacheFiles) throws -> Bool {
    guard files.isAlone, !files.isFolder else { return false }
    let input = files.input
    guard PackedContainer.recognizes(input) || SafetensorsContainer.recognizes(input) else {
      return false
    }
    return pattern(of: try Containers.read(files.input)) != nil
  }

  /// Returns the first pattern that matches at least one tensor of keys and one of values.
  private static func pattern(of checkpoint: Checkpoint) -> (key: String, value: String)? {
    let names = checkpoint.tensors.map(\.name)
    return patterns.first { pattern in
      names.contains { number(in: $0, pattern.key) != nil }
        && names.contains { number(in: $0, pattern.value) != nil }
    }
  }

  /// Returns the number that stands for `N` in the pattern, or nil if the name does not match.
  static func number(in name: String, _ pattern: String) -> Int? {
    let parts = pattern.split(separator: "N", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, name.hasPrefix(parts[0]), name.hasSuffix(parts[1]),
      name.utf8.count > parts[0].utf8.count + parts[1].utf8.count
    else { return nil }
    let digits = name.dropFirst(parts[0].count).dropLast(parts[1].count)
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits),
      number < CacheHints.limit
    else { return nil }
    return number
  }

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    let checkpoint = try Containers.read(files.input)
    guard let pattern = pattern(of: checkpoint) else {
      throw FormatError(
        .cacheLayout, "has no keys and values with known names",
        path: files.path,
        hint: "expected names such as layers.0.key and layers.0.value; the file has "
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
          .cacheShape, "is present, but the values of its layer are missing", path: files.path,
          tensor: keys[number]?.name)
      }
      return KVCache.Layer(
        number: number,
        key: try blocks.joined(canonical(key, hints, files.path), path: files.path),
        value: try blocks.joined(canonical(value, hints, files.path), path: files.path))
    }
    for number in values.keys.sorted() where keys[number] == nil {
      throw FormatError(
        .cacheShape, "is present, but the keys of its layer are missing", path: files.path,
        tensor: values[number]?.name)
    }
    var cache = try KVCache(
      layout: checkpoint.container == .sumac ? "sumac" : name, layers: layers, others: others,
      tokenIDs: try numbers(others, tokenNames, files.path), origin: checkpoint)
    if let positions = try numbers(others, [KVCache.positionsName], files.path) {
      guard positions.count == cache.tokenCount else {
        throw FormatError(
          .cacheShape, "has \(positions.count) positions for \(cache.tokenCount) tokens",
          path: files.path, tensor: KVCache.positionsName)
      }
      cache.positions = positions
    }
    if hints.axes == nil, hints.heads == nil,
      let key = keys.values.first(where: { $0.info.shape.dimensions.count == 3 })
    {
      cache.origin.notes.append(
        "'\(key.name.printable)' and similar tensors are read as [kv heads, tokens, head dim]; if tokens come "
          + "first, pass \(setting: "axes") thd")
    }
    return cache
  }

  /// Returns true if three-dimensional tensors with this name are always [kv heads, tokens, head dim].
  private static func hasHeadsFirst(_ name: String) -> Bool {
    number(in: name, "layers.N.k") != nil || number(in: name, "layers.N.v") != nil
  }

  /// Returns the tensor with the dimensions [batch, kv heads, tokens, head dim].
  private static func canonical(
    _ tensor: LazyTensor, _ hints: CacheHints, _ path: String
  ) throws -> LazyTensor {
    let dimensions = tensor.info.shape.dimensions
    if dimensions.count == 4 { return tensor }
    guard dimensions.count == 3 else {
      throw FormatError(
        .cacheShape,
        "is \(tensor.info.shape), expected [batch, kv heads, tokens, head dim] or three of these dimensions",
        path: path, tensor: tensor.name)
    }
    var axes = hints.axes
    if axes == nil, let heads = hints.heads {
      if dimensions[0] != dimensions[1] {
        axes = dimensions[0] == heads ? .htd : dimensions[1] == heads ? .thd : nil
      }
      if !dimensions[..<2].contains(heads) {
        throw FormatError(
          .cacheShape, "is \(tensor.info.shape), but \(heads) kv heads are expected",
          path: path, tensor: tensor.name)
      }
    }
    if axes == nil, hasHeadsFirst(tensor.name) { axes = .htd }
    guard let axes else {
      throw FormatError(
        .cacheShape,
        "is \(tensor.info.shape), but the file does not say whether heads or tokens come first",
        path: path,
        tensor: tensor.name, hint: "pass \(setting: "axes") htd or \(setting: "axes") thd")
    }
    switch axes {
    case .htd: return try tensor.reshaped(Shape([1] + dimensions))
    case .thd:
      return try HeadMajorSource.tensor(
        tensor.name, of: tensor,
        HeadMajorSource.Arrangement(
          heads: dimensions[1], tokens: dimensions[0], dim: dimensions[2], offset: 0,
          tokenStride: dimensions[1] * dimensions[2], headStride: dimensions[2]))
    }
  }

  /// Returns the integers of the first of the other tensors with one of the names, or nil if there is none.
  static func numbers(
    _ others: [LazyTensor], _ names: [String], _ path: String
  ) throws -> [Int32]? {
    guard let tensor = others.first(where: { names.contains($0.name) }) else { return nil }
    guard tensor.info.dtype == .i32 || tensor.info.dtype == .i64,
      tensor.info.elementCount <= 1 << 24
    else {
      throw FormatError(
        .cacheShape,
        "is \(tensor.info.dtype.name) \(tensor.info.shape), expected up to 2^24 values of I32 or I64",
        path: path, tensor: tensor.name)
    }
    let bytes = try tensor.bytes()
    let width = tensor.info.dtype == .i32 ? 4 : 8
    return try (0..<tensor.info.elementCount).map { index in
      let span = bytes.rawSpan
      let number =
        width == 4
        ? Int64(span.littleEndian(Int32.self, at: 4 * index)!)
        : span.littleEndian(Int64.self, at: 8 * index)!
      guard let number = Int32(exactly: number) else {
        throw FormatError(
          .cacheShape, "contains \(number), which does not fit in 32 bits", path: path,
          tensor: tensor.name)
      }
      return number
    }
  }

  /// Returns a writer without metadata and lineage, which commands add themselves.
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
