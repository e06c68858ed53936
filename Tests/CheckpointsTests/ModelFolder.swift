import Base
import Checkpoints
import Foundation
import TensorCore
import TestSupport

/// Functions that make small model folders.
extension TemporaryFolder {
  /// Writes a safetensors file with random tensors of F32.
  func writeWeights(
    _ path: String, _ shapes: KeyValuePairs<String, [Int]>, metadata: [String: String] = [:]
  ) throws {
    let url = URL(fileURLWithPath: self[path])
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    _ = try Checkpoint.inMemory(
      shapes.map { try .inMemory($0.key, .f32, $0.value) },
      metadata: metadata.map { Checkpoint.Metadatum(key: $0.key, value: $0.value) }
    ).written(to: self[path])
  }

  /// Writes an index of the tensors `a` and `b`, and their shards.
  func writeShards(
    _ folder: String, stem: String = "model", index: String = "model.safetensors.index.json",
    metadata: String = #"{"total_size": 32}"#, others: String = ""
  ) throws {
    var map: [String] = []
    for (number, name) in [(1, "a"), (2, "b")] {
      let file = "\(stem)-0000\(number)-of-00002.safetensors"
      try writeWeights(
        "\(folder)/\(file)", [name: [4]],
        metadata: ["shard": String(number), "only-\(number)": "x", "format": "pt"])
      map.append(#""\#(name)": "\#(file)""#)
    }
    let text =
      #"{"metadata": \#(metadata), \#(others)"weight_map": {\#(map.joined(separator: ", "))}}"#
    try write(Array(text.utf8), to: "\(folder)/\(index)")
  }

  func json(_ path: String) throws -> JSONValue {
    let text = try bytes(path)
    return try JSONValue.parse(text.rawSpan)
  }
}
