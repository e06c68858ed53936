import Base
import Checkpoints

/// The metadata and the lineage that this program stores in a member of its own, which PyTorch ignores.
///
/// The member is a JSON object with the keys `metadata`, an object of strings, and `lineage`.
struct PyTorchMetadata {
  var metadata: [Checkpoint.Metadatum] = []
  var lineage = Lineage()

  private static let metadataKey = "metadata"

  /// Parses the member; unreadable content is left out and reported in `notes`.
  init(_ bytes: [UInt8]?, path: String, notes: inout [Message]) throws {
    guard let bytes else { return }
    guard let root = try? JSONValue.parse(bytes.rawSpan), root.asObject != nil else {
      notes.append(
        "\(path.printable): the member '\(PyTorchArchive.metadataName)' is not a JSON object and is left out"
      )
      return
    }
    if let text = root[Lineage.metadataKey]?.asString {
      do { lineage = try Lineage(json: text) } catch {
        notes.append("\(path.printable): the lineage cannot be read and is left out: \(error)")
      }
    }
    guard let entries = root[Self.metadataKey]?.asObject else { return }
    for (key, value) in entries {
      guard let value = Self.value(value), !key.equalsAsBytes(Lineage.metadataKey) else { continue }
      metadata.append(Checkpoint.Metadatum(key: key, value: value))
    }
  }

  /// Returns the value of its JSON form; nil for null and objects.
  private static func value(_ json: JSONValue) -> MetadataValue? {
    if let text = json.asString { return .string(text) }
    if let flag = json.asBool { return .boolean(flag) }
    if let number = json.asInt { return .integer(Int64(number)) }
    if let number = json.asUInt64 { return .unsigned(number) }
    if let number = json.asDouble { return .number(number) }
    guard let elements = json.asArray else { return nil }
    let values = elements.compactMap(value)
    return values.count == elements.count ? .array(values) : nil
  }

  /// Returns the content of the member; nil if there is nothing to store.
  static func json(_ metadata: [Checkpoint.Metadatum], lineage: String?) -> [UInt8]? {
    guard !metadata.isEmpty || lineage != nil else { return nil }
    var entries = JSONObject()
    for datum in metadata.sorted(by: { $0.key.precedesAsBytes($1.key) }) {
      entries[datum.key] = datum.value.json
    }
    var object: JSONObject = [:]
    if !metadata.isEmpty { object[metadataKey] = .object(entries) }
    if let lineage { object[Lineage.metadataKey] = .string(lineage) }
    return Array(JSONValue.object(object).serialized().utf8)
  }
}
