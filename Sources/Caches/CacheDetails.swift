package import Base
import Checkpoints
import Crypto
import Models
import TensorCore

/// The metadata of a packed cache: where it came from and how it was packed.
package struct CacheDetails: Sendable {
  package static let metadataKey = "sumac.cache"
  package static let schema = "sumac.cache/1"

  package var object: JSONObject

  package init(_ object: JSONObject = JSONObject()) {
    self.object = object
    self.object["schema"] = .string(Self.schema)
  }

  /// Reads the details of a packed cache, or returns nil if it has none.
  package init?(_ cache: KVCache) {
    guard
      let text = cache.origin.metadataString(Self.metadataKey),
      let object = try? JSONValue.parse(Array(text.utf8).span).asObject
    else { return nil }
    self.init(object)
  }

  /// The key of the number of positions that rotary frequencies are for.
  package static let contextKey = "context"

  /// The number of positions that rotary frequencies are for, if it is recorded.
  package var context: Int? {
    object[Self.contextKey]?.asInt.flatMap { $0 > 0 ? $0 : nil }
  }

  /// The name of the model that made the cache, if it is recorded.
  package var modelName: String? { object["model"]?.asString }

  /// Records the layout, dtype, token count and token ids of the cache.
  package mutating func describe(_ cache: KVCache) {
    object["layout"] = .string(cache.layout)
    object["dtype"] = .string(cache.layers[0].key.info.dtype.name)
    object["tokens"] = JSONValue(cache.tokenCount)
    if let ids = cache.tokenIDs { describe(tokenIDs: Array(ids.prefix(cache.tokenCount))) }
  }

  /// Records a SHA-256 of the token ids, each as four little-endian bytes.
  package mutating func describe(tokenIDs ids: [Int32]) {
    var hash = SHA256()
    for id in ids {
      hash.update(data: (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) })
    }
    object["token_ids_sha256"] = .string(Array(hash.finalize()).hexadecimal)
  }

  /// Records a model's name, the hash of its configuration, and its rotary parameters.
  package mutating func describeModel(named name: String, config: [UInt8]) {
    object["model"] = .string(name)
    object["config_sha256"] = .string(Array(SHA256.hash(data: config)).hexadecimal)
    guard let root = try? ModelConfigurationFile(text: config).object() else { return }
    var rope = JSONObject()
    for key in ["rope_theta", "rope_scaling", "rope_parameters", "max_position_embeddings"] {
      if let value = root[key], value != .null { rope[key] = value }
    }
    object["rope"] = .object(rope)
  }

  package var metadatum: (key: String, value: String) {
    (Self.metadataKey, JSONValue.object(object).serialized())
  }
}
