import Base
import CacheCompression
import Caches
import Checkpoints

/// Packs a cache.
package struct CachePackOperation: OutputOperation {
  package static let verb = "cache pack"

  /// The path of a cache file or folder, or the paths of all chunks in order.
  package var caches: [String]
  package var output: OutputSettings
  package var settings = CachePackSettings()
  package var input = CacheInputSettings()
  /// The number of most recent tokens that stay exact.
  package var residual = 0

  package init(caches: [String], output: OutputSettings) {
    self.caches = caches
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    var gear = try settings.gear()
    guard residual >= 0 else {
      throw UsageError("\(setting: "residual") is \(residual), expected 0 or more")
    }
    let cache = try input.read(caches, context)
    if settings.rank == nil { gear.clampRank(to: cache, recentCount: residual) }
    var packing = CachePacking(
      cache, gear, recentCount: residual, start: try settings.startMatrices(context))
    if let details = try details(of: cache) { packing.details = details }
    let errors = try packing.errors + output.packedCacheErrors
    return OutputRequest(
      options: packing.lineageOptions, inputs: [cache.origin],
      output: errors.isEmpty ? try packing.packed() : cache.checkpoint, errors: errors,
      notes: cache.repackingNotes, carried: [])
  }
}

extension CachePackOperation {
  /// Returns the details of the model that is named, otherwise those that the cache has; the context that the cache was made
  /// for in both cases.
  private func details(of cache: KVCache) throws -> CacheDetails? {
    let known = CacheDetails(cache)
    guard var details = try input.details() else { return known }
    details.object[CacheDetails.contextKey] = known?.context.map { JSONValue($0) }
    return details
  }
}

/// Appends new tokens to a packed cache.
package struct CacheAppendOperation: OutputOperation {
  package static let verb = "cache append"

  package var packed: String
  /// The path of a cache with only the new tokens.
  package var new: String
  package var output: OutputSettings
  package var input = CacheInputSettings()
  /// The rank of the new block's products; half the cache's rank if nil.
  package var rank: Int?

  package init(packed: String, new: String, output: OutputSettings) {
    self.packed = packed
    self.new = new
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    if let rank, !(0...1024 ~= rank) {
      throw UsageError("\(setting: "rank") is \(rank), expected 0 to 1024")
    }
    let tokens = try input.read([new], context)
    let appending = try CacheAppending(
      packed, tokens, rank: rank, newDetails: try input.details(),
      limit: context.catalogLimit(for: .output))
    let errors = try output.packedCacheErrors
    if !errors.isEmpty { throw SeveralErrors(errors: appending.errors + errors) }
    let notes =
      appending.losses + tokens.repackingNotes
      + (appending.blockTokenCount > 0
        ? [] : ["the new tokens do not fill a group yet; all of them stay exact"])
    return OutputRequest(
      options: appending.lineageOptions, inputs: appending.inputs,
      output: try appending.appended(), errors: appending.errors, notes: notes, carried: [])
  }
}

extension OutputSettings {
  /// An error if the output's format cannot store a packed cache.
  fileprivate var packedCacheErrors: [any UserError] {
    get throws {
      try container.holdsTerms && !container.isFolder
        ? []
        : [
          UsageError(
            "a packed cache must be a .sumac file", hint: "pass the name of a .sumac file with -o")
        ]
    }
  }
}
