import Base
import Checkpoints
import Crypto
import TensorCore

/// Chunks of LMCache's local disk: raw values [2, layers, tokens, kv heads · head dim], keys first, without a
/// header. The name says the dtype in the later form; a sidecar or `--kv-shape` says the shape.
package enum LMCacheLayout: WritableCacheLayout {
  package static let name = "lmcache"
  package static let holdsAll = false
  package static let summary = "raw chunks of LMCache, named in order"

  private static let suffix = ".pt"
  private static let sidecarSuffix = ".meta"

  private static let dtypes: [(name: String, dtype: DType)] = [
    ("half", .f16), ("float16", .f16), ("bfloat16", .bf16), ("float", .f32), ("float32", .f32),
  ]

  package static func recognizes(_ files: CacheFiles) throws -> Bool {
    guard !files.isFolder else { return files.names.contains { $0.hasSuffix(suffix) } }
    guard files.path.hasSuffix(suffix) else { return false }
    // Zip archives and pickles are PyTorch's.
    guard !files.prefix.starts(with: [0x50, 0x4B, 3, 4]) else { return false }
    return FileSystem.isRegularFile(files.path + sidecarSuffix)
      || FileSystem.baseName(of: files.path).contains("@")
  }

  /// What a chunk's name and sidecar tell.
  private struct Chunk {
    var path: String
    var file: InputFile
    var dtype: DType?
    /// [2, layers, tokens, hidden].
    var shape: [Int]?
  }

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    let chunks = try paths(files).map { try chunk($0, hints) }
    var keys: [[LazyTensor]] = []
    var values: [[LazyTensor]] = []
    for chunk in chunks {
      let tensors = try layers(of: chunk, hints)
      guard keys.isEmpty || keys.count == tensors.count else {
        throw FormatError(
          .cacheShape, "has \(tensors.count) layers, the first chunk has \(keys.count)",
          path: chunk.path)
      }
      if keys.isEmpty { (keys, values) = (tensors.map { _ in [] }, tensors.map { _ in [] }) }
      for (place, pair) in tensors.enumerated() {
        keys[place].append(pair.key)
        values[place].append(pair.value)
      }
    }
    let path = files.path
    let layers = try keys.indices.map { number in
      KVCache.Layer(
        number: number, key: try JoinedTokens.tensor(keys[number], path: path),
        value: try JoinedTokens.tensor(values[number], path: path))
    }
    var hash = SHA256()
    for chunk in chunks { hash.update(data: Array(FileSystem.baseName(of: chunk.path).utf8)) }
    let origin = Checkpoint(
      path: path, container: ContainerName(rawValue: name), tensors: [],
      identity: InputIdentity(
        hash: Array(hash.finalize()).hexadecimal,
        byteCount: chunks.reduce(0) { $0 + $1.file.byteCount }),
      files: chunks.map(\.file.identity))
    return try KVCache(layout: name, layers: layers, origin: origin)
  }

  /// Chunks as they were named, or the only one of a folder.
  private static func paths(_ files: CacheFiles) throws -> [String] {
    guard files.isFolder else { return files.paths }
    let names = files.names.filter { $0.hasSuffix(suffix) }
    guard names.count == 1 else {
      throw FormatError(
        .cacheLayout, "holds \(names.count) chunks, whose order is not in their names",
        path: files.path, hint: "name the files, in their order")
    }
    return [files.path + "/" + names[0]]
  }

  private static func chunk(_ path: String, _ hints: CacheHints) throws -> Chunk {
    var chunk = Chunk(path: path, file: try InputFile(path: path))
    chunk.dtype = try namedDType(path)
    if FileSystem.isRegularFile(path + sidecarSuffix) { try readSidecar(&chunk) }
    if let dtype = hints.dtype { chunk.dtype = dtype }
    return chunk
  }

  /// What the name of a chunk says of its values: engine@model@world@worker@hash says nothing,
  /// model@world@worker@hash@dtype and perhaps tags does.
  private static func namedDType(_ path: String) throws -> DType? {
    let fields = FileSystem.baseName(of: path).dropLast(suffix.count)
      .split(separator: "@", omittingEmptySubsequences: false).map(String.init)
    guard fields.count >= 5, Int(fields[1]) != nil, Int(fields[2]) != nil else { return nil }
    guard let dtype = dtypes.first(where: { $0.name == fields[4] })?.dtype else {
      throw FormatError(
        .cacheLayout, "has values of \(fields[4].printable), expected half, bfloat16 or float",
        path: path)
    }
    if fields.count == 6, Int(fields[5]) != nil {
      throw FormatError(
        .cacheLayout, "is one layer of a chunk (LMCache's layerwise mode), which is not read",
        path: path)
    }
    return dtype
  }

  private static func readSidecar(_ chunk: inout Chunk) throws {
    let path = chunk.path + sidecarSuffix
    let file = try InputFile(path: path)
    guard file.byteCount <= 1 << 20 else {
      throw FormatError(.cacheLayout, "is over 1 MiB, expected a few lines of JSON", path: path)
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    guard let object = try? JSONValue.parse(bytes.span).asObject else {
      throw FormatError(.cacheLayout, "is no JSON object", path: path)
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

  private static func layers(
    of chunk: Chunk, _ hints: CacheHints
  ) throws -> [(key: LazyTensor, value: LazyTensor)] {
    func fault(_ message: Message, hint: Message? = nil) -> FormatError {
      FormatError(.cacheShape, message, path: chunk.path, hint: hint)
    }
    guard let dtype = chunk.dtype else {
      throw fault(
        "has values of a dtype that its name does not say",
        hint: "say it: \(setting: "kv-dtype") bf16")
    }
    guard let heads = hints.heads, let dim = hints.headDim else {
      throw fault(
        "is raw values: how many heads there are is not in the file",
        hint: "say it: \(setting: "kv-shape") HEADSxDIM, or \(setting: "model")")
    }
    let hidden = heads * dim
    let width = dtype.bitsPerElement / 8
    let layerCount: Int
    if let shape = chunk.shape {
      layerCount = shape[1]
      guard shape[3] == hidden else {
        throw fault("has \(shape[3]) values for a token, \(heads) heads of \(dim) have \(hidden)")
      }
    } else if let layers = hints.layers {
      layerCount = layers
    } else {
      throw fault(
        "is raw values without a sidecar: how many layers there are is not in the file",
        hint: "say it: \(setting: "layers") N, or \(setting: "model")")
    }
    let row = 2 * layerCount * hidden * width
    guard row > 0, chunk.file.byteCount > 0, chunk.file.byteCount % row == 0 else {
      throw fault(
        "has \(chunk.file.byteCount) bytes, no multiple of \(row): 2 x \(layerCount) layers x \(hidden) "
          + "values of \(dtype.name)", hint: "it is cut short, or of another shape")
    }
    let tokens = chunk.file.byteCount / row
    if let shape = chunk.shape, shape[2] != tokens {
      throw fault(
        "has \(chunk.file.byteCount) bytes, which are \(tokens) tokens; its sidecar says \(shape[2])"
      )
    }
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
          part == 0 ? KVCache.keyName(layer) : KVCache.valueName(layer), of: base, heads: heads,
          tokens: tokens, dim: dim, offset: (part * layerCount + layer) * tokens * hidden,
          tokenStride: hidden, headStride: dim)
      }
      return (parts[0], parts[1])
    }
  }

  /// One chunk with a sidecar beside it in a folder, or the chunk alone.
  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    let dtype = cache.layers[0].key.info.dtype
    guard let dtypeName = dtypes.first(where: { $0.dtype == dtype })?.name else {
      throw FormatError(
        .cacheLayout, "has values of \(dtype.name), which LMCache has no name for",
        path: cache.origin.path)
    }
    if let named = try namedDType(FileSystem.baseName(of: request.path)), named != dtype {
      throw UsageError(
        "the name \(FileSystem.baseName(of: request.path).printable) says \(named.name), the values are \(dtype.name)",
        hint: "write another dtype with \(setting: "dtype"), or name the file for this one")
    }
    var parts: [CacheFilesWriter.Part] = []
    for part in [\KVCache.Layer.key, \KVCache.Layer.value] {
      for layer in cache.layers {
        let tensor = layer[keyPath: part]
        guard tensor.info.dtype == dtype,
          tensor.info.shape == cache.layers[0].key.info.shape
        else {
          throw FormatError(
            .cacheShape, "differs from the first in dtype or shape, and a chunk has one",
            path: cache.origin.path, tensor: tensor.name)
        }
        parts.append(.tensor(try tensor.tokenMajor(named: tensor.name, path: cache.origin.path)))
      }
    }
    let dimensions = cache.dimensions
    let hidden = dimensions[1] * dimensions[3]
    let note: Message =
      "LMCache finds chunks by a key that holds a hash of their tokens: give the file its name"
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
