import Base
import CacheCompression
package import Caches
import Checkpoints
import Models

/// What a cache's files do not say.
package struct CacheInputSettings: Codable, Sendable {
  /// The name of the layout, if it is not detected.
  package var layout: String?
  /// KV heads and head dim, such as `8x128`.
  package var shape: String?
  package var axes: CacheHints.Axes?
  /// The model that the cache is of, or its config.json.
  package var model: String?
  package var layers: Int?
  /// The dtype of raw values.
  package var dtype: FloatType?
  package var sequence: Int?
  package var rotated = CacheHints.Choice.auto
  package var pairing: CacheHints.Pairing?

  package init() {}
}

extension CacheHints.Axes: Codable {}
extension CacheHints.Choice: Codable {}
extension CacheHints.Pairing: Codable {}

extension CacheInputSettings {
  func hints() throws -> CacheHints {
    var hints = CacheHints()
    hints.layout = layout
    hints.axes = axes
    hints.layers = layers
    hints.dtype = dtype?.dtype
    hints.sequence = sequence
    hints.rotated = rotated
    hints.pairing = pairing
    if let model { try hints.read(model: model) }
    if let shape {
      let parts = shape.lowercased().split(separator: "x").map { Int($0) }
      guard parts.count == 2, let heads = parts[0], let dim = parts[1], heads > 0, dim > 0
      else {
        throw UsageError(
          "\(setting: "kv-shape") \(shape.printable) is no shape",
          hint: "KV heads x head dim, such as 8x128")
      }
      (hints.heads, hints.headDim) = (heads, dim)
    }
    return hints
  }

  /// What the model says, if one is named.
  func details() throws -> CacheDetails? {
    guard let model else { return nil }
    var details = CacheDetails()
    details.describeModel(
      named: ModelConfigFile.name(model), config: try ModelConfigFile.read(model).bytes)
    return details
  }

  func read(_ paths: [String], _ context: OperationContext) throws -> KVCache {
    try context.cancellation.check()
    var cache: KVCache
    if paths == [OperationContext.standardInputPath] {
      cache = try CacheLayouts.read([context.spooledStandardInput()], hints())
      cache.origin.path = OperationContext.standardInputName
    } else {
      cache = try CacheLayouts.read(paths, hints())
    }
    for note in cache.origin.notes { context.observer.report(.warning(note)) }
    return cache
  }
}

extension CacheHints {
  /// Takes heads, head dim and layers from a model's configuration.
  fileprivate mutating func read(model: String) throws {
    let (path, bytes) = try ModelConfigFile.read(model)
    guard let root = try? JSONValue.parse(bytes.span).asObject else {
      throw FormatError(.cacheLayout, "is no JSON object", path: path)
    }
    let object = root["text_config"]?.asObject ?? root
    let heads = object["num_attention_heads"]?.asInt
    self.heads = object["num_key_value_heads"]?.asInt ?? heads
    if let dim = object["head_dim"]?.asInt {
      headDim = dim
    } else if let hidden = object["hidden_size"]?.asInt, let heads, heads > 0 {
      headDim = hidden / heads
    }
    layers = layers ?? object["num_hidden_layers"]?.asInt
    guard self.heads.map({ $0 > 0 }) ?? false, headDim.map({ $0 > 0 }) ?? false else {
      throw FormatError(
        .cacheLayout, "has no num_key_value_heads and head_dim above 0", path: path)
    }
  }
}

/// The configuration of a model that a cache is of.
enum ModelConfigFile {
  /// Of a model folder, or a config.json itself.
  static func read(_ model: String) throws -> (path: String, bytes: [UInt8]) {
    let path = model.hasSuffix(".json") ? model : model + "/" + ModelConfig.name
    let file = try InputFile(path: path)
    guard file.byteCount <= ModelConfig.maximumByteCount else {
      throw FormatError(.cacheLayout, "is over 16 MiB", path: path)
    }
    return (path, try file.bytes(at: 0, count: file.byteCount))
  }

  /// What the model is called.
  static func name(_ model: String) -> String {
    model.hasSuffix(".json")
      ? FileSystem.ownName(of: FileSystem.parent(of: model)) : FileSystem.ownName(of: model)
  }
}
