import Base
import CacheCompression
package import Caches
import Checkpoints
import Models

/// The settings that describe an input cache where its files do not.
package struct CacheInputSettings: Codable, Sendable {
  /// The name of the layout; detected if nil.
  package var layout: String?
  /// The numbers of KV heads and of values in a head, such as `8x128`.
  package var shape: String?
  package var axes: CacheHints.Axes?
  /// The path of the model that produced the cache, or of its config.json.
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
          "\(setting: "kv-shape") \(shape.printable) is not a shape",
          hint: "write KV heads x head dim, such as 8x128")
      }
      (hints.heads, hints.headDim) = (heads, dim)
    }
    return hints
  }

  /// Returns the details from the model's configuration, if a model is given.
  func details() throws -> CacheDetails? {
    guard let model else { return nil }
    var details = CacheDetails()
    try details.describe(model: model)
    return details
  }

  /// Reads a cache from its files and reports its notes as warnings.
  /// - Parameter known: The facts about it, if they are not only those of the settings.
  func read(
    _ paths: [String], _ context: OperationContext, known: CacheHints? = nil
  ) throws -> KVCache {
    let hints = try known ?? hints()
    try context.cancellation.check()
    let limit = context.catalogLimit(for: .output)
    var cache: KVCache
    if paths == [OperationContext.standardInputPath] {
      cache = try CacheLayouts.read([context.spooledStandardInput()], hints, limit: limit)
      cache.origin.path = OperationContext.standardInputName
    } else {
      cache = try CacheLayouts.read(paths, hints, limit: limit)
    }
    for note in cache.origin.notes { context.observer.report(.warning(note)) }
    return cache
  }
}
