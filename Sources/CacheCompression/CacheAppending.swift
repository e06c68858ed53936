package import Base
package import Caches
package import Checkpoints
import Containers
import PackedFormat
import Packing
import TensorCore

/// `cache append`: a packed cache with new tokens behind its own. Packed blocks stay as they are.
package struct CacheAppending: Sendable {
  private let packed: Checkpoint
  private let old: KVCache
  private let new: KVCache
  private let settings: GearSettings
  private let recentCount: Int
  private var details: CacheDetails
  /// Old recent tokens and the new ones.
  private let joined: KVCache
  /// Of those, how many become a block.
  package let blockTokenCount: Int
  /// Of those, how many stay exact.
  package var exactTokenCount: Int { joined.tokenCount - blockTokenCount }

  /// - Parameters:
  ///   - rank: of the new block's products; half of the packed cache's, rounded up, if nil.
  /// - Throws: what is wrong with the new tokens for this cache.
  ///   - newDetails: what is known of the new tokens' model; what stands beside them if nil.
  package init(
    _ path: String, _ new: KVCache, rank: Int?, newDetails: CacheDetails? = nil
  ) throws {
    packed = try Containers.read(path)
    old = try CacheLayouts.read([path], CacheHints())
    self.new = new
    guard packed.container == .sumac, let details = CacheDetails(old),
      var settings = GearSettings(details)
    else {
      throw UsageError(
        "\(path.printable): is no packed cache", hint: "make one with: \(command: "cache pack")")
    }
    if let (mine, theirs) = Self.mismatch(details, newDetails ?? CacheDetails(new)) {
      throw UsageError(
        "\(new.origin.path.printable): is of \(theirs), the packed cache of \(mine)",
        hint: "keys of different models or rotary parameters do not go together")
    }
    self.details = details
    recentCount = max(0, details.object["settings"]?["residual"]?.asInt ?? 0)
    guard old.layers.map(\.number) == new.layers.map(\.number) else {
      throw UsageError(
        "\(new.origin.path.printable): has \(new.layers.count) layers, the packed cache has "
          + "\(old.layers.count)")
    }
    // A block begins where the last whole one ended: what was exact comes first.
    let recent = Dictionary(
      uniqueKeysWithValues: packed.tensors.compactMap { tensor -> (String, LazyTensor)? in
        guard let place = CacheBlocks.block(named: tensor.name), place.number == .max else {
          return nil
        }
        return (place.first, tensor)
      })
    var layers: [KVCache.Layer] = []
    for (layer, before) in zip(new.layers, old.layers) {
      func join(_ tensor: LazyTensor, _ old: LazyTensor, _ name: String) throws -> LazyTensor {
        var wanted = old.info.shape.dimensions
        wanted[2] = tensor.info.shape.dimensions[2]
        guard tensor.info.shape.dimensions == wanted, tensor.info.dtype == old.info.dtype else {
          throw UsageError(
            "\(new.origin.path.printable): '\(tensor.name.printable)' is \(tensor.info.dtype.name) "
              + "\(tensor.info.shape), the packed cache has \(old.info.dtype.name) \(wanted)")
        }
        let tensor = FiniteSource.tensor(tensor)
        guard let first = recent[name] else { return tensor.renamed(name) }
        return try JoinedTokens.tensor([first, tensor], path: path).renamed(name)
      }
      layers.append(
        KVCache.Layer(
          number: layer.number,
          key: try join(layer.key, before.key, KVCache.keyName(layer.number)),
          value: try join(layer.value, before.value, KVCache.valueName(layer.number))))
    }
    guard old.tokenCount + new.tokenCount <= Int(Int32.max) else {
      throw UsageError(
        "\(new.origin.path.printable): with the packed tokens there are "
          + "\(old.tokenCount + new.tokenCount), and positions have 32 bits")
    }
    joined = try KVCache(layout: new.layout, layers: layers, origin: new.origin)
    let free = max(0, joined.tokenCount - recentCount)
    blockTokenCount = settings.keyGroup.map { free / $0 * $0 } ?? free
    if let rank, rank > joined.dimensions[3] {
      throw UsageError(
        "\(setting: "rank") is \(rank), the heads have \(joined.dimensions[3]) values",
        hint: "take that or less")
    }
    settings.rank = min(
      rank ?? (settings.rank + 1) / 2, blockTokenCount, joined.dimensions[3])
    self.settings = settings
  }

  /// The models of two caches, if both are known and differ.
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

  /// What of the caches is not kept.
  package var losses: [Message] {
    guard (old.tokenIDs == nil) != (new.tokenIDs == nil) else { return [] }
    return [
      "token ids are known of one part only, and left out: "
        + (old.tokenIDs == nil ? "the packed cache has none" : "the new tokens have none")
    ]
  }

  /// What is wrong with the block that the new tokens make.
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

  /// Both inputs.
  package var inputs: [Checkpoint] { [packed, new.origin] }

  package var lineageOptions: [Lineage.Option] {
    blockTokenCount > 0 && settings.rank > 0 ? [Lineage.Option("rank", String(settings.rank))] : []
  }
}
