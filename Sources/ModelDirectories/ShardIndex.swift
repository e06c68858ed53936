import Base
import Checkpoints
import Safetensors
import TensorCore

/// `model.safetensors.index.json`: which file each tensor is in.
struct ShardIndex {
  private static let maximumByteCount = 1 << 28

  let path: String
  /// Base names of the shards in the order of the weight map's values, sorted, each once.
  let files: [String]
  private let fileOfTensor: [(name: String, file: String)]

  init(_ file: InputFile) throws {
    path = file.path
    let path = path
    guard file.byteCount <= Self.maximumByteCount else {
      throw FormatError(.shardIndex, "an index over 256 MiB is refused", path: path)
    }
    let root = try Self.parse(file.bytes(at: 0, count: file.byteCount), path: path)
    guard case .object(let object) = root, case .object(let map)? = object["weight_map"] else {
      throw FormatError(.shardIndex, "has no object 'weight_map'", path: path)
    }
    var entries: [(name: String, file: String)] = []
    for (name, value) in map {
      guard case .string(let file) = value else {
        throw FormatError(.shardIndex, "its file must be a string", path: path, tensor: name)
      }
      // A shard lies beside its index; anything else could read outside the folder.
      guard !file.isEmpty, file != ".", file != "..", !file.utf8.contains(UInt8(ascii: "/")),
        !file.utf8.contains(0)
      else {
        throw FormatError(
          .shardIndex, "its file '\(file.printable)' is no plain name beside the index", path: path,
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

  /// Every tensor must be in the file that the index names, and in no other.
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
            .shardIndex, "is not in \(file.printable), where the index has it", path: path,
            tensor: name))
        continue
      }
      if !actual.equalsAsBytes(file) {
        errors.append(
          FormatError(
            .shardIndex, "is in \(actual.printable), the index has it in \(file.printable)",
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

  /// The text of an index for these files.
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
