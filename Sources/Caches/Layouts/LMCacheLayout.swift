import Base
import Checkpoints
import Crypto
import TensorCore

/// The layout of chunks on LMCache's local disk.
///
/// Chunks are raw values [2, layers, tokens, kv heads · head dim], keys first, without a header. In the later
/// form the file name contains the dtype. The shape comes from a sidecar or from `--kv-shape`.
package enum LMCacheLayout: WritableCacheLayout {
  package static let name = "lmcache"
  package static let holdsAll = false
  package static let summary = "raw LMCache chunks, in order"

  private static let suffix = ".pt"
  private static let sidecarSuffix = ".meta"

  private static let dtypes: [(name: String, dtype: DType)] = [
    ("half", .f16), ("float16", .f16), ("bfloat16", .bf16), ("float", .f32), ("float32", .f32),
  ]

  package static func recognizes(_ files: CacheFiles) throws -> Bool {
    guard !files.isFolder else { return files.names.contains { $0.hasSuffix(suffix) } }
    guard let name = files.input.fileName, name.hasSuffix(suffix) else { return false }
    // A zip archive is a PyTorch file.
    guard !files.prefix.starts(with: [0x50, 0x4B, 3, 4]) else { return false }
    return files.input.isFile(name + sidecarSuffix) || name.contains("@")
  }

  /// A chunk with the facts from its name and sidecar.
  private struct Chunk {
    var file: InputFile
    var name: String
    var dtype: DType?
    /// The shape [2, layers, tokens, hidden].
    var shape: [Int]?

    var path: String { file.path }
  }

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    let chunks = try inputs(files).map { try chunk($0, hints) }
    var keys: [[LazyTensor]] = []
    var values: [[LazyTensor]] = []
    for chunk in chunks {
      let tensors = try layers(of: chunk, hints)
      guard keys.isEmpty || keys.count == tensors.count else {
        throw FormatError(
          .cacheShape, "has \(tensors.count) layers, but the first chunk has \(keys.count)",
          path: chunk.path)
      }
      if keys.isEmpty { (keys, values) = (tensors.map { _ in [] }, tensors.map { _ in [] }) }
      for (layer, pair) in tensors.enumerated() {
        keys[layer].append(pair.key)
        values[layer].append(pair.value)
      }
    }
    let path = files.path
    let layers = try keys.indices.map { number in
      KVCache.Layer(
        number: number, key: try JoinedTokens.tensor(keys[number], path: path),
        value: try JoinedTokens.tensor(values[number], path: path))
    }
    var hash = SHA256()
    for chunk in chunks { hash.update(data: Array(chunk.name.utf8)) }
    let origin = Checkpoint(
      path: path, container: ContainerName(rawValue: name), tensors: [],
      identity: InputIdentity(
        hash: Array(hash.finalize()).hexadecimal,
        byteCount: chunks.reduce(0) { $0 + $1.file.byteCount }),
      files: chunks.map(\.file.identity))
    return try KVCache(layout: name, layers: layers, origin: origin)
  }

  /// Returns the chunks as given, or the only chunk in a folder.
  private static func inputs(_ files: CacheFiles) throws -> [InputTree] {
    guard files.isFolder else { return files.inputs }
    let names = files.names.filter { $0.hasSuffix(suffix) }
    guard names.count == 1 else {
      throw FormatError(
        .cacheLayout, "contains \(names.count) chunks, but their names do not show their order",
        path: files.path, hint: "pass the files in order")
    }
    return [try files.input.file(names[0])]
  }

  private static func chunk(_ input: InputTree, _ hints: CacheHints) throws -> Chunk {
    var chunk = Chunk(file: try input.openNamedFile(), name: input.fileName ?? "")
    chunk.dtype = try namedDType(chunk.name, chunk.path)
    let sidecar = chunk.name + sidecarSuffix
    if input.isFile(sidecar) { try readSidecar(input.open(sidecar), &chunk) }
    if let dtype = hints.dtype { chunk.dtype = dtype }
    return chunk
  }

  /// Returns the dtype in the name of a chunk.
  ///
  /// Names have the form `engine@model@world@worker@hash`, without a dtype, or
  /// `model@world@worker@hash@dtype`, optionally with tags.
  private static func namedDType(_ name: String, _ path: String) throws -> DType? {
    let fields = name.dropLast(suffix.count)
      .split(separator: "@", omittingEmptySubsequences: false).map(String.init)
    guard fields.count >= 5, Int(fields[1]) != nil, Int(fields[2]) != nil else { return nil }
    guard let dtype = dtypes.first(where: { $0.name == fields[4] })?.dtype else {
      throw FormatError(
        .cacheLayout,
        "has dtype \(fields[4].printable) in its name, expected half, bfloat16 or float",
        path: path)
    }
    if fields.count == 6, Int(fields[5]) != nil {
      throw FormatError(
        .cacheLayout, "is one layer of a chunk (LMCache's layerwise mode), which is not supported",
        path: path)
    }
    return dtype
  }

  private static func readSidecar(_ file: InputFile, _ chunk: inout Chunk) throws {
    let path = file.path
    guard file.byteCount <= 1 << 20 else {
      throw FormatError(
        .cacheLayout, "is larger than 1 MiB, expected a few lines of JSON", path: path)
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    guard let object = try? JSONValue.parse(bytes.span).asObject else {
      throw FormatError(.cacheLayout, "is not a JSON object", path: path)
    }
    if let text = object["dtype"]?.asString {
      let name = text.hasPrefix("torch.") ? String(text.dropFirst(6)) : text
      guard let dtype = dtypes.first(where: { $0.name == name })?.dtype else {
        throw FormatError(
          .cacheLayout, "has dtype \(text.printable), expected half, bfloat16 or float", path: path)
      }
      chunk.dtype = dtype
    }
    let format = (object["format"] ?? object["fmt"])?.asString ?? "KV_2LTD"
    guard format.hasSuffix("2LTD") else {
      throw FormatError(
        .cacheLayout, "has format \(format.printable), expected KV_2LTD", path: path)
    }
    if let shape = object["shape"]?.asArray?.compactMap(\.asInt) {
      guard shape.count == 4, shape[0] == 2, shape.allSatisfy({ 1..<1 << 32 ~= $0 }),
        shape[1] < CacheHints.limit
      else {
        throw FormatError(
          .cacheShape, "has shape \(shape), expected [2, layers, tokens, values]", path: path)
      }
      chunk.shape = shape
    }
  }

  private static func fault(
    _ chunk: Chunk, _ message: Message, hint: Message? = nil
  ) -> FormatError {
    FormatError(.cacheShape, message, path: chunk.path, hint: hint)
  }

  /// Returns the number of layers from the sidecar or the hints.
  private static func layerCount(
    of chunk: Chunk, heads: Int, dim: Int, _ hints: CacheHints
  ) throws -> Int {
    guard let shape = chunk.shape else {
      guard let layers = hints.layers else {
        throw fault(
          chunk, "contains raw values without the number of layers, and has no sidecar",
          hint: "pass \(setting: "layers") N, or \(setting: "model")")
      }
      return layers
    }
    guard shape[3] == heads * dim else {
      throw fault(
        chunk,
        "has \(shape[3]) values per token, but \(heads) heads of \(dim) have \(heads * dim)")
    }
    return shape[1]
  }

  /// Returns the number of tokens, which follows from the length of the file.
  private static func tokenCount(
    of chunk: Chunk, _ dtype: DType, layerCount: Int, hidden: Int
  ) throws -> Int {
    let byteCount = chunk.file.byteCount
    let row = 2 * layerCount * hidden * dtype.bitsPerElement / 8
    guard row > 0, byteCount > 0, byteCount % row == 0 else {
      throw fault(
        chunk,
        "has \(byteCount) bytes, which is not a multiple of \(row): 2 x \(layerCount) layers x "
          + "\(hidden) values of \(dtype.name)",
        hint: "the file is truncated or has another shape")
    }
    let tokens = byteCount / row
    if let shape = chunk.shape, shape[2] != tokens {
      throw fault(
        chunk,
        "has \(byteCount) bytes, which are \(tokens) tokens, but its sidecar says \(shape[2])")
    }
    return tokens
  }

  /// Returns the keys and values of each layer of a chunk.
  private static func layers(
    of chunk: Chunk, _ hints: CacheHints
  ) throws -> [(key: LazyTensor, value: LazyTensor)] {
    guard let dtype = chunk.dtype else {
      throw fault(
        chunk, "has an unknown dtype: there is none in its name or sidecar",
        hint: "pass it, for example: \(setting: "kv-dtype") bf16")
    }
    guard let heads = hints.heads, let dim = hints.headDim else {
      throw fault(
        chunk, "contains raw values without the number of heads",
        hint: "pass \(setting: "kv-shape") HEADSxDIM, or \(setting: "model")")
    }
    let hidden = heads * dim
    let layerCount = try layerCount(of: chunk, heads: heads, dim: dim, hints)
    let tokens = try tokenCount(of: chunk, dtype, layerCount: layerCount, hidden: hidden)
    let name = FileSystem.baseName(of: chunk.path)
    let info = try TensorInfo(
      name: name, dtype: dtype, shape: Shape([2, layerCount, tokens, hidden]))
    let base = LazyTensor(
      info: info, source: FileTensorSource(file: chunk.file, info: info, byteOffset: 0),
      stored: StoredForm(
        file: name, byteOffset: 0, byteCount: chunk.file.byteCount, dtype: dtype))
    return try (0..<layerCount).map { layer in
      let parts = try (0..<2).map { part in
        try HeadMajorSource.tensor(
          part == 0 ? KVCache.keyName(layer) : KVCache.valueName(layer), of: base,
          HeadMajorSource.Arrangement(
            heads: heads, tokens: tokens, dim: dim,
            offset: (part * layerCount + layer) * tokens * hidden, tokenStride: hidden,
            headStride: dim))
      }
      return (parts[0], parts[1])
    }
  }

  /// Returns a writer of a folder with one chunk and its sidecar, or of only the chunk.
  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    let dtype = cache.layers[0].key.info.dtype
    guard let dtypeName = dtypes.first(where: { $0.dtype == dtype })?.name else {
      throw FormatError(
        .cacheLayout, "has dtype \(dtype.name), which LMCache does not support",
        path: cache.origin.path)
    }
    if let named = try namedDType(FileSystem.baseName(of: request.path), request.path),
      named != dtype
    {
      throw UsageError(
        "the file name \(FileSystem.baseName(of: request.path).printable) says \(named.name), but the values "
          + "are \(dtype.name)",
        hint: "choose another dtype with \(setting: "dtype"), or change the file name")
    }
    var parts: [CacheFilesWriter.Part] = []
    for part in [\KVCache.Layer.key, \KVCache.Layer.value] {
      for layer in cache.layers {
        let tensor = layer[keyPath: part]
        guard tensor.info.dtype == dtype,
          tensor.info.shape == cache.layers[0].key.info.shape
        else {
          throw FormatError(
            .cacheShape,
            "differs from the first tensor in dtype or shape, but a chunk has only one dtype and shape",
            path: cache.origin.path, tensor: tensor.name)
        }
        parts.append(.tensor(try tensor.tokenMajor(named: tensor.name, path: cache.origin.path)))
      }
    }
    let dimensions = cache.dimensions
    let hidden = dimensions[1] * dimensions[3]
    let note: Message =
      "LMCache finds chunks by a key with a hash of their tokens; rename the file to that key"
    guard request.isFolder else {
      return CacheFilesWriter(
        [CacheFilesWriter.File(name: "", parts: parts)], isDirectory: false, notes: [note])
    }
    let sidecar: JSONObject = [
      "shape": [2, JSONValue(cache.layers.count), JSONValue(dimensions[2]), JSONValue(hidden)],
      "dtype": .string(dtypeName), "format": "KV_2LTD",
      "size": JSONValue(2 * cache.layers.count * dimensions[2] * hidden * dtype.bitsPerElement / 8),
    ]
    return CacheFilesWriter(
      [
        CacheFilesWriter.File(name: "chunk.pt", parts: parts),
        CacheFilesWriter.File(
          name: "chunk.pt.meta",
          parts: [.bytes(Array((JSONValue.object(sidecar).serialized() + "\n").utf8))]),
      ], isDirectory: true, notes: [note])
  }
}
