import Base
import Checkpoints
import ModelDirectories

/// The member of an index that belongs to `.sumac` shards: their lengths and ids, and the lineage of the model.
struct PackedShardList {
  /// The key of the member.
  static let key = "sumac"
  /// The version of the member that this program reads and writes.
  static let version = 1
  /// The number of hexadecimal digits of a SHA-256.
  static let digitCount = 64

  /// The length of a shard, and the hash of its trailer in hexadecimal digits.
  struct Shard {
    var name: String
    var byteCount: Int
    var hash: String
  }

  var shards: [Shard]
  /// The JSON document of the lineage; nil if there is none.
  var lineage: String?

  init(_ shards: [Shard], lineage: String?) {
    self.shards = shards
    self.lineage = lineage
  }

  // MARK: Reading

  /// Reads the member of an index.
  /// - Throws: ``FormatError`` if it is missing or malformed, or does not list the files of the `weight_map`.
  init(_ index: ShardIndex) throws {
    func fault(_ reason: Message) -> FormatError {
      FormatError(
        .shardIndex, reason, path: index.path,
        hint: "convert the model again, or fetch the index and the shards of one revision again")
    }
    guard let member = index.formatMember else {
      throw fault("has no object '\(Self.key)' with the ids of the shards")
    }
    guard let version = member["version"]?.asInt else {
      throw fault("its '\(Self.key)' has no number 'version'")
    }
    guard version == Self.version else {
      throw fault("has version \(version) of '\(Self.key)', expected \(Self.version)")
    }
    guard let entries = member["shards"]?.asObject else {
      throw fault("its '\(Self.key)' has no object 'shards'")
    }
    var shards: [Shard] = []
    for (name, value) in entries {
      guard PackedWeights.hasSuffix(name) else {
        throw fault(
          "its shard '\(name.printable)' does not have the suffix \(PackedWeights.suffix)")
      }
      guard let byteCount = value["bytes"]?.asInt, byteCount >= 0,
        let hash = value["sha256"]?.asString, hash.utf8.count == Self.digitCount,
        hash.utf8.allSatisfy(Self.isDigit)
      else {
        throw fault(
          "its shard '\(name.printable)' needs a length 'bytes' and \(Self.digitCount) digits 'sha256'"
        )
      }
      shards.append(Shard(name: name, byteCount: byteCount, hash: hash))
    }
    let listed = Set(shards.map { UTF8Key($0.name) })
    let mapped = Set(index.files.map { UTF8Key($0) })
    guard listed == mapped else {
      let names = listed.symmetricDifference(mapped).map(\.text.printable).sorted()
      throw fault(
        "'weight_map' and the shards of '\(Self.key)' name different files: "
          + names.joined(separator: ", "))
    }
    self.shards = shards
    lineage = member["lineage"].map { $0.serialized() }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  /// Throws unless the files have the lengths and ids of the list.
  /// - Throws: The errors of all files together.
  func check(_ files: [WeightsFile]) throws {
    var expected: [UTF8Key: Shard] = [:]
    for shard in shards { expected[UTF8Key(shard.name)] = shard }
    let errors = files.compactMap { file -> FormatError? in
      guard let shard = expected[UTF8Key(FileSystem.baseName(of: file.file.path))] else {
        return nil
      }
      let identity = file.identity
      guard identity.hash != shard.hash || identity.byteCount != shard.byteCount else {
        return nil
      }
      return FormatError(
        .shardIndex,
        "is a shard of another model or version: its id is sha256:\(identity.hash) with "
          + "\(identity.byteCount) bytes, the index states sha256:\(shard.hash) with "
          + "\(shard.byteCount) bytes", path: file.file.path,
        hint: "fetch the index and the shards of one revision again")
    }
    try SeveralErrors.throwIfAny(errors)
  }

  // MARK: Writing

  var json: JSONValue {
    get throws {
      var entries = JSONObject()
      for shard in shards {
        entries[shard.name] = .object([
          "bytes": JSONValue(shard.byteCount), "sha256": .string(shard.hash),
        ])
      }
      var object: JSONObject = [
        "version": JSONValue(Self.version), "shards": .object(entries),
      ]
      if let lineage {
        let bytes = Array(lineage.utf8)
        object["lineage"] = try JSONValue.parse(bytes.rawSpan)
      }
      return .object(object)
    }
  }
}
