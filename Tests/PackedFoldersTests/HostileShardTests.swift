import Base
import Checkpoints
import Containers
import Foundation
import ModelDirectories
import PackedFolders
import PackedFormat
import Packing
import TestSupport
import Testing

/// Folders of shards that are incomplete, mixed up or hostile.
@Suite struct HostileShardTests {
  enum Fault: String, CaseIterable, Sendable {
    case missingShard, missingIndex, otherModel, truncatedShard, wrongLength, wrongHash, noMember,
      otherVersion, unlistedShard, strayShard, wrongFile, missingTensor, extraTensor,
      duplicateTensor,
      parent, absolute, linkOut, otherFormat, otherWeights, secondIndex, attachment, aliasFirst,
      emptyMap, duplicateKey, notJSON
  }

  /// The code and a part of the message of each fault.
  private static func expected(_ fault: Fault) -> (FormatError.Code, String) {
    switch fault {
    case .missingShard: (.modelDirectory, "1 of 3 shards in the index are missing")
    case .missingIndex: (.modelDirectory, "but not their index")
    case .otherModel: (.shardIndex, "is a shard of another model")
    case .truncatedShard: (PackedFault.trailerMagic.code, "cut short")
    case .wrongLength, .wrongHash: (.shardIndex, "the index states")
    case .noMember: (.shardIndex, "has no object 'sumac'")
    case .otherVersion: (.shardIndex, "version 2")
    case .unlistedShard, .strayShard: (.shardIndex, "name different files")
    case .wrongFile: (.shardIndex, "but the index lists it in")
    case .missingTensor: (.shardIndex, "although the index lists it there")
    case .extraTensor: (.shardIndex, "but not in the index")
    case .duplicateTensor: (.modelDirectory, "is in both")
    case .parent, .absolute: (.shardIndex, "is not a plain file name")
    case .linkOut: (.shardIndex, "is a shard of another model")
    case .otherFormat: (.shardIndex, "beside files of another format")
    case .otherWeights: (.modelDirectory, "in two formats")
    case .secondIndex: (.modelDirectory, "several candidates")
    case .attachment: (.shardIndex, "which a shard cannot have")
    case .aliasFirst: (.shardIndex, "before that tensor")
    case .emptyMap: (.shardIndex, "is empty")
    case .duplicateKey, .notJSON: (.shardIndex, "is not valid JSON")
    }
  }

  private let folder: TemporaryFolder
  private static let index = "shards/model.sumac.index.json"
  private static func shard(_ number: Int) -> String {
    "shards/model-0000\(number)-of-00003.sumac"
  }

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeShards(
      .random(
        ["a": [64, 64], "b": [64, 64], "c": [64, 64], "tied": [64, 64]], aliases: ["tied": "a"]),
      upTo: 20_000)
    try folder.writeShards(
      .random(["b": [64, 64], "x": [64, 64], "y": [64, 64]]), to: "other", upTo: 20_000)
  }

  @Test("each fault is reported with its own words", arguments: Fault.allCases)
  func faults(fault: Fault) throws {
    #expect(try Containers.read(folder["shards"]).tensors.count == 4)
    try make(fault)
    let error = #expect(throws: (any Error).self) { try Containers.read(folder["shards"]) }
    let errors = (error as? SeveralErrors)?.errors ?? [error].compactMap { $0 as? any UserError }
    let (code, words) = Self.expected(fault)
    let found = errors.compactMap { $0 as? FormatError }
    #expect(
      found.contains { $0.code == code && $0.description.contains(words) },
      "\(fault): \(errors.map(\.description))")
  }

  private func make(_ fault: Fault) throws {
    switch fault {
    case .missingShard: try FileSystem.removeTree(folder[Self.shard(2)])
    case .missingIndex: try FileSystem.removeTree(folder[Self.index])
    case .otherModel:
      try folder.write(folder.bytes("other/model-00002-of-00003.sumac"), to: Self.shard(2))
    case .truncatedShard:
      try folder.write(folder.bytes(Self.shard(2)).dropLast(100), to: Self.shard(2))
    case .attachment:
      var model = try Checkpoint.random(["b": [64, 64]])
      model.companions = [try Checkpoint.base.companions[0]]
      _ = try folder.write(model, to: "with.sumac", PackedContainer.self)
      try folder.write(folder.bytes("with.sumac"), to: Self.shard(2))
    case .linkOut:
      try FileSystem.removeTree(folder[Self.shard(2)])
      try FileManager.default.createSymbolicLink(
        atPath: folder[Self.shard(2)],
        withDestinationPath: folder["other/model-00002-of-00003.sumac"])
    case .duplicateTensor:
      let name = "model-00001-of-00003.sumac"
      try folder.write(folder.bytes("other/" + name), to: Self.shard(3))
      let stated = try folder.json("other/model.sumac.index.json")["sumac"]?["shards"]?[name]
      try folder.editIndex { index in
        for key in ["bytes", "sha256"] {
          index["sumac"] = index["sumac"].map {
            changed($0, "model-00003-of-00003.sumac", key, stated?[key] ?? .null)
          }
        }
      }
    case .otherWeights:
      try folder.write(
        Fixtures.bytes("models/base/model.safetensors"), to: "shards/model.safetensors")
    case .secondIndex:
      try folder.write(folder.bytes(Self.index), to: "shards/a.sumac.index.json")
      try folder.write(folder.bytes(Self.index), to: "shards/b.sumac.index.json")
      try FileSystem.removeTree(folder[Self.index])
    case .duplicateKey:
      try folder.write(
        Array(#"{"weight_map": {}, "weight_map": {}}"#.utf8), to: Self.index)
    case .notJSON: try folder.write(Array("{]".utf8), to: Self.index)
    default: try folder.editIndex { edit(&$0, fault) }
    }
  }

  private func edit(_ index: inout JSONObject, _ fault: Fault) {
    let file = "model-00002-of-00003.sumac"
    switch fault {
    case .wrongLength: index["sumac"] = index["sumac"].map { changed($0, file, "bytes", 7) }
    case .wrongHash:
      index["sumac"] = index["sumac"].map {
        changed($0, file, "sha256", .string(String(repeating: "0", count: 64)))
      }
    case .noMember: index["sumac"] = nil
    case .otherVersion: set(&index, "sumac", "version", 2)
    case .unlistedShard: index["sumac"] = index["sumac"].map { changed($0, file, nil, .null) }
    case .strayShard:
      index["sumac"] = index["sumac"].map { changed($0, "../x.sumac", nil, .object([:])) }
    case .wrongFile: set(&index, "weight_map", "a", .string(file))
    case .missingTensor: set(&index, "weight_map", "nowhere", .string(file))
    case .extraTensor: set(&index, "weight_map", "tied", nil)
    case .parent: set(&index, "weight_map", "b", "../other/model-00002-of-00003.sumac")
    case .absolute: set(&index, "weight_map", "b", "/etc/passwd")
    case .otherFormat: set(&index, "weight_map", "b", "model-00002-of-00003.safetensors")
    case .aliasFirst:
      guard let map = index["weight_map"]?.asObject else { return }
      index["weight_map"] = .object(JSONObject(map.reversed().map { ($0.key, $0.value) }))
    case .emptyMap: index["weight_map"] = .object([:])
    default: break
    }
  }

  private func set(_ index: inout JSONObject, _ key: String, _ name: String, _ value: JSONValue?) {
    guard var object = index[key]?.asObject else { return }
    object[name] = value
    index[key] = .object(object)
  }

  /// Changes a member of a shard; removes or adds the shard itself if no key is given.
  private func changed(
    _ member: JSONValue, _ file: String, _ key: String?, _ value: JSONValue
  ) -> JSONValue {
    guard var object = member.asObject, var shards = object["shards"]?.asObject else {
      return member
    }
    if let key {
      guard var shard = shards[file]?.asObject else { return member }
      shard[key] = value
      shards[file] = .object(shard)
    } else if value == .null {
      shards[file] = nil
    } else {
      shards[file] = .object([
        "bytes": 1, "sha256": .string(String(repeating: "0", count: 64)),
      ])
    }
    object["shards"] = .object(shards)
    return .object(object)
  }

  @Test("a named index is read although the folder has other weights")
  func named() throws {
    try folder.write(
      Fixtures.bytes("models/base/model.safetensors"), to: "shards/model.safetensors")
    let read = try Containers.read(folder[Self.index])
    #expect(read.tensors.map(\.name) == ["a", "b", "c", "tied"] && read.container == .sumacShards)
  }

  @Test("a lineage that cannot be read is left out with a note")
  func lineage() throws {
    try folder.editIndex { index in set(&index, "sumac", "lineage", "text") }
    let read = try Containers.read(folder["shards"])
    #expect(read.lineage.steps.isEmpty)
    #expect(read.notes.contains { $0.description.contains("lineage cannot be read") })
  }

  @Test("a .sumac file without an index is not the weights of its folder")
  func lone() throws {
    try folder.write(
      Fixtures.bytes("models/base/model.safetensors"), to: "lone/model.safetensors")
    try folder.write(folder.bytes(Self.shard(1)), to: "lone/model.sumac")
    #expect(try Containers.read(folder["lone"]).container == .directory)
    try FileSystem.removeTree(folder["lone/model.safetensors"])
    let error = #expect(throws: FormatError.self) { try Containers.read(folder["lone"]) }
    #expect(error?.code == .noWeights)
  }
}
