package import Base
package import Caches
package import Checkpoints
import PackedFormat
import Packing
import TensorCore

/// The operation `cache pack`, which stores the tensors of a cache as sums of terms.
package struct CachePacking: Sendable {
  package let cache: KVCache
  package let settings: GearSettings
  /// The number of tokens at the end that stay exact.
  package let recentCount: Int
  /// The start matrices of power iterations; drawn at random if nil.
  package let start: CacheStart?
  package var details: CacheDetails
  /// The number of the block that is packed; 0 for the first.
  package var block = 0

  package init(
    _ cache: KVCache, _ settings: GearSettings, recentCount: Int = 0, start: CacheStart? = nil,
    details: CacheDetails = CacheDetails()
  ) {
    self.cache = cache
    self.settings = settings
    self.recentCount = recentCount
    self.start = start
    self.details = details
  }

  /// The number of tokens that are packed.
  private var packedCount: Int { cache.tokenCount - recentCount }

  /// All errors of packing this cache with these settings.
  package var errors: [any UserError] {
    guard recentCount < cache.tokenCount else {
      return [
        UsageError(
          "\(setting: "residual") is \(recentCount), expected fewer than the \(cache.tokenCount) tokens of the cache",
          hint: "use a smaller \(setting: "residual")")
      ]
    }
    var errors: [any UserError] = []
    // Tensors with the same fault are reported in one error.
    var faults: [(fault: GearFault, names: [String])] = []
    for layer in cache.layers {
      for (part, tensor) in [(CachePart.key, layer.key), (.value, layer.value)] {
        guard let range = try? packed(tensor, part, layer.number) else { continue }
        if let fault = GearEncoding.fault(range.info, part, settings) {
          if let index = faults.firstIndex(where: { $0.fault == fault }) {
            faults[index].names.append(tensor.name)
          } else {
            faults.append((fault, [tensor.name]))
          }
        } else if let start, settings.rank > 0 {
          do { _ = try start.vectors(for: range.info, rank: settings.rank) } catch {
            if let error = error as? any UserError { errors.append(error) }
          }
        }
      }
    }
    return faults.map { fault, names in
      let others = names.count > 1 ? " (and \(names.count - 1) more)" : ""
      return UsageError(
        "\(cache.origin.path.printable): '\(names[0].printable)'\(others) \(fault.text)",
        hint: fault.hint)
    } + errors
  }

  private func packed(
    _ tensor: LazyTensor, _ part: CachePart, _ number: Int
  ) throws -> LazyTensor {
    let first = part == .key ? KVCache.keyName(number) : KVCache.valueName(number)
    return try TokenRange.tensor(
      FiniteSource.tensor(tensor), 0..<packedCount, named: CacheBlocks.name(first, block: block))
  }

  /// Returns the tensors to write: for each layer, the packed tokens and the tokens that stay exact.
  package func tensors() throws -> [LazyTensor] {
    var tensors: [LazyTensor] = []
    for layer in cache.layers {
      for (part, tensor) in [(CachePart.key, layer.key), (.value, layer.value)] {
        var packed = try packed(tensor, part, layer.number)
        packed.storage = .packed(
          GearEncoding(
            settings, part: part,
            start: try start?.vectors(for: packed.info, rank: settings.rank)), isLossy: true)
        tensors.append(packed)
        guard recentCount > 0 else { continue }
        let first = part == .key ? KVCache.keyName(layer.number) : KVCache.valueName(layer.number)
        var recent = try TokenRange.tensor(
          FiniteSource.tensor(tensor), packedCount..<cache.tokenCount,
          named: first + CacheBlocks.recentSuffix)
        recent.storage = .asIs
        tensors.append(recent)
      }
    }
    return tensors
  }

  /// Returns the packed cache.
  package func packed() throws -> Checkpoint {
    var result = cache.checkpoint
    result.tensors = try tensors() + cache.others
    var details = details
    details.describe(cache)
    details.object["settings"] = .object(settings.object(recentCount: recentCount))
    result.metadata.removeAll { $0.key == CacheDetails.metadataKey }
    let (key, value) = details.metadatum
    result.metadata.append(Checkpoint.Metadatum(key: key, value: value))
    result.metadata.sort { $0.key.precedesAsBytes($1.key) }
    return result
  }

  package var lineageOptions: [Lineage.Option] { settings.lineageOptions(recentCount: recentCount) }
}

extension KVCache {
  /// Notes to report before a cache is packed that was packed before.
  package var repackingNotes: [Message] {
    guard let details = CacheDetails(self), details.object["settings"] != nil else { return [] }
    return [
      "\(origin.path.printable) is already packed: packing it again adds to its error"
    ]
  }
}

extension GearSettings {
  /// Limits the rank to the number of packed tokens and to the head dim.
  package mutating func clampRank(to cache: KVCache, recentCount: Int) {
    let dims = cache.layers.flatMap { [$0.key, $0.value] }.map { $0.info.shape.dimensions[3] }
    rank = max(0, min(rank, cache.tokenCount - recentCount, dims.min() ?? rank))
  }

  /// Returns the settings as the metadata of a packed cache.
  func object(recentCount: Int) -> JSONObject {
    [
      "bits": JSONValue(bits), "key_group": keyGroup.map { JSONValue($0) } ?? .null,
      "value_group": valueGroup.map { JSONValue($0) } ?? .null,
      "outliers": JSONValue(outlierShare), "rank": JSONValue(rank), "rounds": JSONValue(roundCount),
      "nearest": JSONValue(isNearest), "official": JSONValue(isOfficial),
      "residual": JSONValue(recentCount),
    ]
  }

  /// Creates settings from the metadata of a packed cache; nil if they are missing or malformed.
  package init?(_ details: CacheDetails) {
    guard let object = details.object["settings"]?.asObject, let bits = object["bits"]?.asInt,
      1...8 ~= bits, let rank = object["rank"]?.asInt, rank >= 0, rank < 1 << 16
    else { return nil }
    self.bits = bits
    self.rank = rank
    keyGroup = object["key_group"]?.asInt.flatMap { $0 > 0 ? $0 : nil }
    valueGroup = object["value_group"]?.asInt.flatMap { $0 > 0 ? $0 : nil }
    outlierShare = min(1, max(0, object["outliers"]?.asDouble ?? 0))
    roundCount = max(1, min(100, object["rounds"]?.asInt ?? 3))
    isNearest = object["nearest"]?.asBool ?? false
    isOfficial = object["official"]?.asBool ?? false
  }

  /// Returns the settings as options for the lineage.
  func lineageOptions(recentCount: Int) -> [Lineage.Option] {
    var options = [
      Lineage.Option("bits", String(bits)),
      Lineage.Option("group", keyGroup.map(String.init) ?? "all"),
    ]
    if rank > 0 {
      options.append(Lineage.Option("rank", String(rank)))
      options.append(
        isNearest ? Lineage.Option("svd", "true") : Lineage.Option("rounds", String(roundCount)))
    }
    if outlierShare > 0 { options.append(Lineage.Option("outliers", String(outlierShare))) }
    if recentCount > 0 { options.append(Lineage.Option("residual", String(recentCount))) }
    if isOfficial { options.append(Lineage.Option("parity", "official")) }
    return options
  }
}

/// Start matrices of power iterations from a file, of shape [batch, kv heads, head dim, rank] in F32.
package struct CacheStart: Sendable {
  private let checkpoint: Checkpoint
  /// The name of the tensor that is used for all tensors; nil to find tensors by name.
  private let name: String?

  /// Creates start matrices from a file, or from one of its tensors.
  package init(_ checkpoint: Checkpoint, name: String?) throws {
    self.checkpoint = checkpoint
    self.name = name
    if let name, !checkpoint.tensors.contains(where: { $0.name == name }) {
      throw UsageError(
        "\(checkpoint.path.printable): has no tensor '\(name.printable)'",
        hint: "list the names with: \(command: "inspect FILE")")
    }
  }

  /// Returns the start matrices for a tensor: the entry with its name, optionally suffixed `.start` or `.p_start`,
  /// or the only tensor of the file.
  ///
  /// - Throws: `UsageError` if there is no such entry, or it has another dtype or shape.
  func vectors(for info: TensorInfo, rank: Int) throws -> LazyTensor {
    let names = name.map { [$0] } ?? [info.name, info.name + ".start", info.name + ".p_start"]
    let found =
      checkpoint.tensors.first { names.contains($0.name) }
      ?? (name == nil && checkpoint.tensors.count == 1 ? checkpoint.tensors[0] : nil)
    guard let found else {
      throw UsageError(
        "\(checkpoint.path.printable): has no start matrices for '\(info.name.printable)'",
        hint: "use one tensor for all with \(setting: "start") FILE:TENSOR")
    }
    let dimensions = info.shape.dimensions
    let wanted = [dimensions[0], dimensions[1], dimensions[3], rank]
    guard found.info.dtype == .f32, found.info.shape.dimensions == wanted else {
      throw UsageError(
        "\(checkpoint.path.printable): '\(found.name.printable)' is \(found.info.dtype.name) "
          + "\(found.info.shape), expected F32 \(wanted) for '\(info.name.printable)'")
    }
    return found
  }
}
