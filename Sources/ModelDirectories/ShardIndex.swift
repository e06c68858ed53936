package import Base
import Checkpoints
import TensorCore

/// The contents of an index, such as `model.safetensors.index.json`: the file of each tensor.
package struct ShardIndex: Sendable {
  private static let maximumByteCount = 1 << 28

  package let path: String
  /// The base names of the shards, sorted, each once.
  package let files: [String]
  private let fileOfTensor: [(name: String, file: String)]
  /// The member that contains data of the format; nil if there is none.
  package let formatMember: JSONValue?
  /// The members other than `metadata`, `weight_map` and the one of the format.
  let otherMembers: JSONObject
  /// The metadata; empty if there are none.
  let metadata: JSONObject

  var tensorNames: Set<UTF8Key> { Set(fileOfTensor.map { UTF8Key($0.name) }) }

  init(_ file: InputFile, _ format: any WeightsFormat.Type) throws {
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
    formatMember = format.indexKey.flatMap { object[$0] }
    if let key = format.indexKey { object[key] = nil }
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

  /// Returns the tensors of all shards in the order of the `weight_map`.
  /// - Throws: ``FormatError`` if an alias precedes the tensor that it is another name of.
  func ordered(_ tensors: [LazyTensor]) throws(FormatError) -> [LazyTensor] {
    var byName: [UTF8Key: LazyTensor] = [:]
    for tensor in tensors { byName[UTF8Key(tensor.name)] = tensor }
    var seen: Set<UTF8Key> = []
    var result: [LazyTensor] = []
    result.reserveCapacity(tensors.count)
    for (name, _) in fileOfTensor {
      guard let tensor = byName[UTF8Key(name)] else { continue }
      if let target = tensor.aliasOf, !seen.contains(UTF8Key(target)) {
        throw FormatError(
          .shardIndex,
          "is an alias of '\(target.printable)', but 'weight_map' lists it before that tensor",
          path: path, tensor: name,
          hint: "fetch the index and the shards of one revision again")
      }
      seen.insert(UTF8Key(name))
      result.append(tensor)
    }
    return result
  }
}
