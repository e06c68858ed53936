import Base
import Caches
import Checkpoints

/// Converts a cache to the layout of another program.
package struct CacheConvertOperation: OutputOperation {
  package static let verb = "cache convert"

  /// The path of a cache file or folder, or the paths of all chunks in order.
  package var caches: [String]
  package var output: OutputSettings
  package var layout = CacheLayoutSettings()
  package var input = CacheInputSettings()

  package init(caches: [String], output: OutputSettings) {
    self.caches = caches
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let cache = try input.read(caches, context)
    return try layout.request(cache, output, hints: input.hints())
  }
}

/// Decodes a packed cache and writes it in any layout.
package struct CacheUnpackOperation: OutputOperation {
  package static let verb = "cache unpack"

  package var packed: String
  package var output: OutputSettings
  package var layout = CacheLayoutSettings()
  package var input = CacheInputSettings()

  package init(packed: String, output: OutputSettings) {
    self.packed = packed
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let cache = try input.read([packed], context)
    return try layout.request(cache, output, hints: input.hints())
  }
}

/// The settings for the layout of a written cache.
package struct CacheLayoutSettings: Codable, Sendable, Equatable {
  /// The name of the layout; safetensors if nil.
  package var name: String?
  /// The dtype of the values; unchanged if nil.
  package var dtype: String?

  package init() {}

  /// Returns the request for a cache in the layout.
  /// - Parameter details: The details of the cache, for layouts that store them.
  func request(
    _ cache: KVCache, _ output: OutputSettings, hints: CacheHints, details: CacheDetails? = nil
  ) throws -> OutputRequest {
    let name = name ?? LayeredLayout.name
    guard name != LayeredLayout.name else { return try layered(cache, output, details) }
    guard let target = CacheLayouts.writable.first(where: { $0.name == name }) else {
      throw UsageError(
        "\(setting: "layout") \(name.printable) is not a layout that can be written",
        hint: "the layouts are \(CacheLayouts.writable.map { $0.name }.joined(separator: ", "))")
    }
    let isLlama = name == LlamaLayout.name
    let cast = try isLlama ? cache : self.cast(cache)
    let wanted = CacheOutput(path: output.path, dtype: isLlama ? dtype : nil, hints: hints)
    var request = OutputRequest(
      options: [], inputs: [cache.origin], output: cache.origin, notes: target.losses(of: cast),
      carried: [])
    request.writer = (try target.checkedWriter(cast, wanted), name)
    return request
  }

  private func layered(
    _ cache: KVCache, _ output: OutputSettings, _ details: CacheDetails?
  ) throws -> OutputRequest {
    let cache = try cast(cache)
    var checkpoint = cache.checkpoint
    checkpoint.metadata.removeAll { $0.key == CacheDetails.metadataKey }
    if var details {
      details.describe(cache)
      let (key, value) = details.metadatum
      checkpoint.metadata.append(Checkpoint.Metadatum(key: key, value: value))
      checkpoint.metadata.sort { $0.key.precedesAsBytes($1.key) }
    }
    var errors: [any UserError] = []
    if try output.container.isFolder {
      errors.append(
        UsageError(
          "the layout safetensors is a single file",
          hint: "pass the name of a .safetensors file with -o"))
    }
    return OutputRequest(
      options: dtype.map { [Lineage.Option("dtype", $0)] } ?? [], inputs: [cache.origin],
      output: checkpoint, errors: errors, carried: [])
  }

  private func cast(_ cache: KVCache) throws -> KVCache {
    guard let dtype else { return cache }
    guard let type = FloatType(rawValue: dtype.lowercased()) else {
      throw UsageError(
        "\(setting: "dtype") \(dtype.printable) is not supported by this layout",
        hint: "use f32, f16 or bf16")
    }
    return try cache.cast(to: type.dtype)
  }
}
