import Base
import Checkpoints
import Safetensors
import TensorCore

/// The contents of an index, such as `model.safetensors.index.json`: the file of each tensor.
struct ShardIndex {
  private static let maximumByteCount = 1 << 28
  /// The number of bytes in which an index has its key `weight_map`.
  private static let examinedByteCount = 1 << 18

  let path: String
  /// The base names of the shards, sorted, each once.
  let files: [String]
  private let fileOfTensor: [(name: String, file: String)]
  /// The members other than `metadata` and `weight_map`.
  let otherMembers: JSONObject
  /// The metadata; empty if there are none.
  let metadata: JSONObject

  var tensorNames: Set<UTF8Key> { Set(fileOfTensor.map { UTF8Key($0.name) }) }

  /// Returns true if a file is an index of shards in any format.
  static func isIndex(_ file: InputFile, name: String) throws -> Bool {
    try format(ofIndex: file, name: name) != nil
  }

  /// Returns the format of the shards in an index: from its name, or from a JSON object whose `weight_map` begins with a
  /// weights file; nil if the file is not an index.
  static func format(ofIndex file: InputFile, name: String) throws -> WeightsFormat? {
    for format in WeightsFormat.allCases
    where format.suffixes.contains(where: { name.hasSuffix($0 + ".index.json") }) {
      return format
    }
    let bytes = try file.bytes(at: 0, count: min(file.byteCount, examinedByteCount))
    do throws(JSONError) { return try listedFormat(bytes) } catch { return nil }
  }

  private static func listedFormat(_ json: [UInt8]) throws(JSONError) -> WeightsFormat? {
    var reader = JSONReader(json.rawSpan)
    guard try reader.peekKind() == .object else { return nil }
    try reader.enterObject()
    while let key = try reader.nextKey() {
      guard key == "weight_map" else {
        try reader.skipValue()
        continue
      }
      guard try reader.peekKind() == .object else { return nil }
      try reader.enterObject()
      guard try reader.nextKey() != nil, try reader.peekKind() == .string else { return nil }
      return try WeightsFormat.format(of: reader.readString())
    }
    return nil
  }

  init(_ file: InputFile) throws {
    path = file.path
    let path = path
    guard file.byteCount <= Self.maximumByteCount else {
      throw FormatError(
        .shardIndex, "has \(file.byteCount) bytes, the limit of an index is 256 MiB", path: path)
    }
    let root: JSONValue
    do { root = try Self.parse(file.bytes(at: 0, count: file.byteCount), path: path) } catch {
      throw try DownloadFault.error(in: file, expectsJSON: true) ?? error
    }
    guard case .object(var object) = root, case .object(let map)? = object["weight_map"] else {
      throw FormatError(.shardIndex, "has no object 'weight_map'", path: path)
    }
    metadata = object["metadata"]?.asObject ?? JSONObject()
    object["weight_map"] = nil
    object["metadata"] = nil
    otherMembers = object
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
  func check(_ shards: [WeightsFile]) throws {
    var found: [UTF8Key: String] = [:]
    for shard in shards {
      let file = FileSystem.baseName(of: shard.file.path)
      for tensor in shard.tensors { found[UTF8Key(tensor.name)] = file }
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
      for tensor in shard.tensors where found[UTF8Key(tensor.name)] != nil {
        errors.append(
          FormatError(
            .shardIndex,
            "is in \(FileSystem.baseName(of: shard.file.path).printable) but not in "
              + "the index", path: path, tensor: tensor.name))
      }
    }
    if var last = errors.last as? FormatError {
      last.hint =
        "fetch the index and the shards of one revision again, or correct 'weight_map' in the index"
      errors[errors.count - 1] = last
    }
    try SeveralErrors.throwIfAny(errors)
  }

  /// Returns the text of an index for these files, with the other keys of `folder`.
  static func json(
    _ layouts: [(file: String, layout: SafetensorsLayout)], folder: FolderLayout
  ) -> [UInt8] {
    let entries = layouts.flatMap { file, layout in
      layout.tensors.map { (layout.storedName(of: $0), file) }
    }
    let infos = layouts.flatMap { $0.layout.tensors.map(\.info) }
    var writer = JSONWriter(indented: true)
    writer.beginObject()
    writer.key("metadata")
    writer.beginObject()
    writer.key("total_size")
    writer.value(infos.reduce(0) { $0 + $1.byteCount })
    if folder.countsParameters {
      writer.key("total_parameters")
      writer.value(infos.reduce(0) { $0 + $1.elementCount })
    }
    write(folder.indexMetadata, to: &writer)
    writer.endObject()
    write(folder.indexMembers, to: &writer)
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

  private static func write(_ members: JSONObject, to writer: inout JSONWriter) {
    for (key, value) in members {
      writer.key(key)
      writer.value(value)
    }
  }
}
