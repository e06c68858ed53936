import Base
import Checkpoints
import Safetensors
import TensorCore

/// The layout of folders of vLLM's shared-storage connector: a safetensors file for each layer with one tensor,
/// `kv_cache`.
///
/// Newer files have the shape [tokens, kv heads, 2 · head dim] with keys first in each head, older files
/// [2, tokens, kv heads · head dim] with keys first.
package enum VLLMLayout: WritableCacheLayout {
  package static var name: String { "vllm" }
  package static let holdsAll = false
  package static let numbersLayers = true
  package static let summary = "a folder with one kv_cache file per layer, newer or older form"

  static let tensorName = "kv_cache"
  private static let suffix = ".safetensors"

  package static func recognizes(_ files: CacheFiles) throws -> Bool {
    guard files.isAlone, files.isFolder else { return false }
    guard let first = files.names.first(where: { number($0) != nil }) else { return false }
    let tensors = try SafetensorsContainer.read(files.input.file(first)).tensors
    return tensors.count == 1 && tensors[0].name == tensorName
  }

  /// Returns the layer number, which is the last number in the name of its file.
  private static func number(_ name: String) -> Int? {
    guard name.hasSuffix(suffix) else { return nil }
    return name.dropLast(suffix.count).split(separator: ".").reversed().lazy
      .compactMap { LayeredLayout.number(in: String($0), "N") }.first
  }

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    var layers: [KVCache.Layer] = []
    var checkpoints: [Checkpoint] = []
    for file in files.names where file.hasSuffix(suffix) {
      let path = files.input.path(of: file)
      guard let number = number(file) else {
        throw FormatError(
          .cacheLayout, "has no layer number in its name", path: path,
          hint: "expected a name such as model.layers.0.self_attn.attn.safetensors")
      }
      let checkpoint = try SafetensorsContainer.read(files.input.file(file))
      guard let tensor = checkpoint.tensors.first, tensor.name == tensorName,
        checkpoint.tensors.count == 1
      else {
        throw FormatError(
          .cacheLayout, "does not contain exactly one tensor '\(tensorName)'", path: path)
      }
      checkpoints.append(checkpoint)
      layers.append(try layer(number, tensor, hints, path))
    }
    guard let first = checkpoints.first else {
      throw FormatError(.cacheLayout, "contains no safetensors files of layers", path: files.path)
    }
    var origin = first
    origin.path = files.path
    origin.tensors = []
    origin.files = checkpoints.flatMap(\.files)
    origin.identity = InputIdentity(
      hash: first.identity.hash,
      byteCount: checkpoints.reduce(0) { $0 + $1.identity.byteCount })
    return try KVCache(layout: name, layers: layers, origin: origin)
  }

  private static func layer(
    _ number: Int, _ tensor: LazyTensor, _ hints: CacheHints, _ path: String
  ) throws -> KVCache.Layer {
    let tensors = try arrangements(of: tensor, hints, path).map {
      try HeadMajorSource.tensor(tensorName, of: tensor, $0)
    }
    return KVCache.Layer(
      number: number, key: tensors[0].renamed(KVCache.keyName(number)),
      value: tensors[1].renamed(KVCache.valueName(number)))
  }

  /// Returns the arrangements of keys and of values in a tensor of the newer or older form.
  private static func arrangements(
    of tensor: LazyTensor, _ hints: CacheHints, _ path: String
  ) throws -> [HeadMajorSource.Arrangement] {
    let dimensions = tensor.info.shape.dimensions
    guard dimensions.count == 3 else {
      throw fault(
        "is \(tensor.info.shape), expected [tokens, kv heads, 2 · head dim] or "
          + "[2, tokens, kv heads · head dim]", path,
        hint: dimensions.count == 2
          ? "caches of latent attention, which have no keys and values, are not supported" : nil)
    }
    guard dimensions[0] == 2 else {
      guard dimensions[2] % 2 == 0 else {
        throw fault(
          "has \(dimensions[2]) values per head, expected an even number for keys and values", path)
      }
      let (heads, dim) = (dimensions[1], dimensions[2] / 2)
      return (0..<2).map { part in
        HeadMajorSource.Arrangement(
          heads: heads, tokens: dimensions[0], dim: dim, offset: part * dim,
          tokenStride: heads * dimensions[2], headStride: dimensions[2])
      }
    }
    guard let heads = hints.heads, let dim = hints.headDim else {
      throw fault(
        "is \(tensor.info.shape), but the file does not say how many heads share \(dimensions[2]) values",
        path, hint: "pass \(setting: "kv-shape") HEADSxDIM, or \(setting: "model")")
    }
    guard heads * dim == dimensions[2] else {
      throw fault(
        "has \(dimensions[2]) values per token, but \(setting: "kv-shape") \(heads)x\(dim) has "
          + "\(heads * dim)", path)
    }
    return (0..<2).map { part in
      HeadMajorSource.Arrangement(
        heads: heads, tokens: dimensions[1], dim: dim,
        offset: part * dimensions[1] * dimensions[2], tokenStride: dimensions[2], headStride: dim)
    }
  }

  private static func fault(
    _ message: Message, _ path: String, hint: Message? = nil
  ) -> FormatError {
    FormatError(.cacheShape, message, path: path, tensor: tensorName, hint: hint)
  }

  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    try writer(cache, request) { layer in
      let dimensions = layer.key.info.shape.dimensions
      let info = try TensorInfo(
        name: tensorName, dtype: layer.key.info.dtype,
        shape: Shape([dimensions[2], dimensions[1], 2 * dimensions[3]]))
      return LazyTensor(
        info: info, source: PairedSource(layer.key, layer.value), stored: layer.key.stored)
    }
  }

  static func writer(
    _ cache: KVCache, _ request: CacheOutput, _ tensor: (KVCache.Layer) throws -> LazyTensor
  ) throws -> CacheFilesWriter {
    var notes: [Message] = []
    if cache.tokenCount % 16 != 0 {
      notes.append(
        "vLLM reads only whole blocks, of 16 tokens by default; this cache has \(cache.tokenCount) tokens"
      )
    }
    let files = try cache.layers.map { layer in
      _ = try layer.key.tokenMajor(named: tensorName, path: cache.origin.path)
      guard layer.key.info.shape == layer.value.info.shape,
        layer.key.info.dtype == layer.value.info.dtype
      else {
        throw FormatError(
          .cacheShape,
          "differs from the keys in dtype or shape, but vLLM stores both in one tensor",
          path: cache.origin.path, tensor: layer.value.name)
      }
      return try CacheFilesWriter.File(
        name: "model.layers.\(layer.number).self_attn.attn.safetensors",
        safetensors: [try tensor(layer)], path: request.path)
    }
    return CacheFilesWriter(files, isDirectory: true, notes: notes)
  }
}

/// The older form of vLLM's layout.
package enum OlderVLLMLayout: WritableCacheLayout {
  package static let name = "vllm-older"
  package static let holdsAll = false
  package static let numbersLayers = true
  package static let summary = "the older form of vllm, [2, tokens, kv heads · head dim]"

  package static func recognizes(_ files: CacheFiles) throws -> Bool { false }

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    try VLLMLayout.read(files, hints)
  }

  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    try VLLMLayout.writer(cache, request) { layer in
      let key = try layer.key.tokenMajor(named: VLLMLayout.tensorName, path: cache.origin.path)
      let value = try layer.value.tokenMajor(named: VLLMLayout.tensorName, path: cache.origin.path)
      return try StackedSource.tensor(VLLMLayout.tensorName, [key, value])
    }
  }
}
