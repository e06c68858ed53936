package import Base
package import Caches
package import Checkpoints
import Containers
import PackedFormat
import Packing
import TensorCore

/// The operation `cache append`, which adds new tokens to the end of a packed cache.
///
/// Packed blocks are copied unchanged.
package struct CacheAppending: Sendable {
  private let packed: Checkpoint
  private let old: KVCache
  private let new: KVCache
  private let settings: GearSettings
  private let recentCount: Int
  private var details: CacheDetails
  /// The exact tokens of the packed cache, followed by the new tokens.
  private let joined: KVCache
  /// The number of joined tokens that form the new block.
  package let blockTokenCount: Int
  /// The number of joined tokens that stay exact.
  package var exactTokenCount: Int { joined.tokenCount - blockTokenCount }

  /// Reads the packed cache at `path`, and checks that the new tokens fit it.
  ///
  /// - Parameters:
  ///   - path: The path of the packed cache.
  ///   - new: The new tokens.
  ///   - rank: The rank of the new block's products; half of the packed cache's rank, rounded up, if nil.
  ///   - newDetails: The details of the new tokens' model; those stored with the tokens if nil.
  ///   - limit: The limit on memory for the catalog.
  /// - Throws: `UsageError` if the new tokens do not fit the packed cache, or an error of reading.
  package init(
    _ path: String, _ new: KVCache, rank: Int?, newDetails: CacheDetails? = nil,
    limit: CatalogLimit = .none
  ) throws {
    packed = try Containers.read(path, limit: limit)
    old = try CacheLayouts.read([path], CacheHints(), limit: limit)
    self.new = new
    guard packed.container == .sumac, let details = CacheDetails(old),
      var settings = GearSettings(details)
    else {
      throw UsageError(
        "\(path.printable): is not a packed cache",
        hint: "pack a cache with: \(command: "cache pack")")
    }
    if let (mine, theirs) = Self.mismatch(details, newDetails ?? CacheDetails(new)) {
      throw UsageError(
        "\(new.origin.path.printable): was computed by \(theirs), but the packed cache by \(mine)",
        hint: "append a cache of the same model with the same rotary parameters")
    }
    self.details = details
    recentCount = max(0, details.object["settings"]?["residual"]?.asInt ?? 0)
    joined = try Self.joined(old, new, packed: packed)
    let free = max(0, joined.tokenCount - recentCount)
    blockTokenCount = settings.keyGroup.map { free / $0 * $0 } ?? free
    if let rank, rank > joined.dimensions[3] {
      throw UsageError(
        "\(setting: "rank") is \(rank), but the head dim is \(joined.dimensions[3])",
        hint: "use a rank up to the head dim")
    }
    settings.rank = min(
      rank ?? (settings.rank + 1) / 2, blockTokenCount, joined.dimensions[3])
    self.settings = settings
  }

  /// Returns the exact tokens of a packed cache followed by new tokens.
  ///
  /// - Parameters:
  ///   - old: The packed cache, in its standard form.
  ///   - packed: The packed cache as it is stored.
  private static func joined(
    _ old: KVCache, _ new: KVCache, packed: Checkpoint
  ) throws -> KVCache {
    let path = new.origin.path.printable
    guard old.layers.map(\.number) == new.layers.map(\.number) else {
      throw UsageError(
        "\(path): has \(new.layers.count) layers, but the packed cache has \(old.layers.count)")
    }
    guard old.tokenCount + new.tokenCount <= Int(Int32.max) else {
      throw UsageError(
        "\(path): the joined cache would have \(old.tokenCount + new.tokenCount) tokens, expected "
          + "no more than \(Int32.max)")
    }
    // The new block starts after the last complete one, so the exact tokens come first.
    let recent = Dictionary(
      uniqueKeysWithValues: packed.tensors.compactMap { tensor -> (String, LazyTensor)? in
        guard let block = CacheBlocks.block(named: tensor.name), block.number == .max else {
          return nil
        }
        return (block.first, tensor)
      })
    func join(_ tensor: LazyTensor, _ old: LazyTensor, _ name: String) throws -> LazyTensor {
      var wanted = old.info.shape.dimensions
      wanted[2] = tensor.info.shape.dimensions[2]
      guard tensor.info.shape.dimensions == wanted, tensor.info.dtype == old.info.dtype else {
        throw UsageError(
          "\(path): '\(tensor.name.printable)' is \(tensor.info.dtype.name) \(tensor.info.shape), "
            + "but the packed cache has \(old.info.dtype.name) \(wanted)")
      }
      let tensor = FiniteSource.tensor(tensor)
      guard let first = recent[name] else { return tensor.renamed(name) }
      return try JoinedTokens.tensor([first, tensor], path: packed.path).renamed(name)
    }
    let layers = try zip(new.layers, old.layers).map { layer, before in
      KVCache.Layer(
        number: layer.number,
        key: try join(layer.key, before.key, KVCache.keyName(layer.number)),
        value: try join(layer.value, before.value, KVCache.valueName(layer.number)))
    }
    return try KVCache(layout: new.layout, layers: layers, origin: new.origin)
  }

  /// Returns the models of two caches if both are known and differ; otherwise nil.
  private static func mismatch(
    _ mine: CacheDetails, _ theirs: CacheDetails?
  ) -> (String, String)? {
    guard let theirs else { return nil }
    for key in ["config_sha256", "rope"] {
      guard let a = mine.object[key], let b = theirs.object[key], a != b else { continue }
      func name(_ details: CacheDetails) -> String {
        let model = details.object["model"]?.asString ?? "a model"
        let hash = details.object["config_sha256"]?.asString?.prefix(8) ?? ""
        return "\(model.printable) (config \(hash))"
      }
      return (name(mine), name(theirs))
    }
    return nil
  }

  /// Notes on the data of the caches that the output does not contain.
  package var losses: [Message] {
    guard (old.tokenIDs == nil) != (new.tokenIDs == nil) else { return [] }
    return [
      "the output has no token ids: "
        + (old.tokenIDs == nil ? "the packed cache has none" : "the new tokens have none")
    ]
  }

  /// All errors of packing the new block.
  package var errors: [any UserError] {
    blockTokenCount == 0 ? [] : packing.errors
  }

  /// The number of the next block.
  private var blockNumber: Int {
    let numbers = packed.tensors.compactMap { CacheBlocks.block(named: $0.name)?.number }
    return (numbers.filter { $0 != .max }.max() ?? 0) + 1
  }

  private var packing: CachePacking {
    var packing = CachePacking(joined, settings, recentCount: exactTokenCount)
    packing.block = blockNumber
    return packing
  }

  /// Returns the packed cache with the new tokens.
  package func appended() throws -> Checkpoint {
    var result = packed
    let isRecent = { (name: String) in CacheBlocks.block(named: name)?.number == .max }
    let listed = Set([KVCache.tokensName, KVCache.positionsName])
    result.tensors = packed.tensors.filter { !isRecent($0.name) && !listed.contains($0.name) }
    if blockTokenCount > 0 {
      result.tensors += try packing.tensors()
    } else {
      for layer in joined.layers {
        result.tensors.append(layer.key.renamed(layer.key.name + CacheBlocks.recentSuffix))
        result.tensors.append(layer.value.renamed(layer.value.name + CacheBlocks.recentSuffix))
      }
    }
    var details = details
    details.object["tokens"] = JSONValue(old.tokenCount + new.tokenCount)
    details.object["token_ids_sha256"] = nil
    if let before = old.tokenIDs, let after = new.tokenIDs {
      let ids = Array(before.prefix(old.tokenCount)) + after.prefix(new.tokenCount)
      result.tensors.append(KVCache.numbers(KVCache.tokensName, ids))
      details.describe(tokenIDs: ids)
    }
    if old.positions != nil || new.positions != nil {
      let positions =
        (old.positions ?? Array(0..<Int32(old.tokenCount)))
        + (new.positions
          ?? Array(Int32(old.tokenCount)..<Int32(old.tokenCount + new.tokenCount)))
      result.tensors.append(KVCache.numbers(KVCache.positionsName, positions))
    }
    result.metadata.removeAll { $0.key == CacheDetails.metadataKey }
    let (key, value) = details.metadatum
    result.metadata.append(Checkpoint.Metadatum(key: key, value: value))
    result.metadata.sort { $0.key.precedesAsBytes($1.key) }
    return result
  }

  /// The packed cache and the file of the new tokens.
  package var inputs: [Checkpoint] { [packed, new.origin] }

  package var lineageOptions: [Lineage.Option] {
    blockTokenCount > 0 && settings.rank > 0 ? [Lineage.Option("rank", String(settings.rank))] : []
  }
}
