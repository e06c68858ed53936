import Base
import Checkpoints
import Safetensors
import TensorCore

/// The contents of `model.safetensors.index.json`: the file of each tensor.
struct ShardIndex {
  private static let maximumByteCount = 1 << 28

  let path: String
  /// The base names of the shards, sorted, each once.
  let files: [String]
  private let fileOfTensor: [(name: String, file: String)]

  init(_ file: InputFile) throws {
    path = file.path
    let path = path
    guard file.byteCount <= Self.maximumByteCount else {
      throw FormatError(
        .shardIndex, "has \(file.byteCount) bytes, the limit of an index is 256 MiB", path: path)
    }
    let root = try Self.parse(file.bytes(at: 0, count: file.byteCount), path: path)
    guard case .object(let object) = root, case .object(let map)? = object["weight_map"] else {
      throw FormatError(.shardIndex, "has no object 'weight_map'", path: path)
    }
    var entries: [(name: String, file: String)] = []
    for (name, value) in map {
      guard case .string(let file) = value else {
        throw FormatError(
          .shardIndex, "its value in 'weight_map' must be a string", path: path, tensor: name)
      }
      // Shards are in the folder of the index; any other path could read files outside it.
      guard !file.isEmpty, file != ".", file != "..", !file.utf8.contains(UInt8(ascii: "/")),
        !file.utf8.contains(0)
      else {
        throw FormatError(
          .shardIndex,
          "its file '\(file.printable)' is not a plain file name in the folder of the index",
          path: path,
          tensor: name)
      }
      entries.append((name, file))
    }
    guard !entries.isEmpty else {
      throw FormatError(.shardIndex, "the 'weight_map' is empty", path: path)
    }
    fileOfTensor = entries
    files = Set(entries.map(\.file)).sorted { $0.precedesAsBytes($1) }
  }

  private static func parse(_ bytes: [UInt8], path: String) throws(FormatError) -> JSONValue {
    do { return try JSONValue.parse(bytes.rawSpan) } catch {
      throw FormatError(
        .shardIndex, "is not valid JSON: \(error.reason)", path: path, byteOffset: error.byteOffset)
    }
  }

  /// Throws unless every tensor is in exactly the file that the index names.
  func check(_ shards: [SafetensorsFile]) throws {
    var found: [UTF8Key: String] = [:]
    for shard in shards {
      let file = FileSystem.baseName(of: shard.file.path)
      for entry in shard.header.entries { found[UTF8Key(entry.info.name)] = file }
    }
    var errors: [any UserError] = []
    for (name, file) in fileOfTensor {
      let actual = found.removeValue(forKey: UTF8Key(name))
      guard let actual else {
        errors.append(
          FormatError(
            .shardIndex, "is not in \(file.printable), although the index lists it there",
            path: path,
            tensor: name))
        continue
      }
      if !actual.equalsAsBytes(file) {
        errors.append(
          FormatError(
            .shardIndex, "is in \(actual.printable), but the index lists it in \(file.printable)",
            path: path, tensor: name))
      }
    }
    for shard in shards {
      for entry in shard.header.entries where found[UTF8Key(entry.info.name)] != nil {
        errors.append(
          FormatError(
            .shardIndex,
            "is in \(FileSystem.baseName(of: shard.file.path).printable) but not in "
              + "the index", path: path, tensor: entry.info.name))
      }
    }
    try SeveralErrors.throwIfAny(errors)
  }

  /// Returns the text of an index for these files.
  static func json(_ layouts: [(file: String, layout: SafetensorsLayout)]) -> [UInt8] {
    let entries = layouts.flatMap { file, layout in layout.tensors.map { ($0.name, file) } }
    let total = layouts.reduce(0) { sum, file in
      sum + file.layout.tensors.reduce(0) { $0 + $1.info.byteCount }
    }
    var writer = JSONWriter(indented: true)
    writer.beginObject()
    writer.key("metadata")
    writer.beginObject()
    writer.key("total_size")
    writer.value(total)
    writer.endObject()
    writer.key("weight_map")
    writer.beginObject()
    for (name, file) in entries.sorted(by: { $0.0.precedesAsBytes($1.0) }) {
      writer.key(name)
      writer.value(file)
    }
    writer.endObject()
    writer.endObject()
    return writer.bytes + [UInt8(ascii: "\n")]
  }
}
