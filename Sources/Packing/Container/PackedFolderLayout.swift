import Base
import Checkpoints
import PackedFormat

/// The extension of a `.sumac` file that contains the layout of the model folder. Specification, section 5.7.
extension FolderLayout {
  static let extensionName = "sumac.folder"

  /// The extension to write; nil for the default layout.
  var packedExtension: PackedExtension? {
    guard self != FolderLayout() else { return nil }
    var map = packed
    if !components.isEmpty {
      map["components"] = .array(
        components.map { component in
          var map = component.layout.packed
          map["path"] = .text(component.path)
          if !component.metadata.isEmpty {
            map["metadata"] = .text(
              JSONValue.object(JSONObject(component.metadata.map { ($0.key, $0.value.json) }))
                .serialized())
          }
          return .map(map)
        })
    }
    return PackedExtension(name: Self.extensionName, isSafeToCopy: true, value: .map(map))
  }

  /// The names and keys of this folder without its components.
  private var packed: CBORMap {
    var map: CBORMap = ["weights": .text(weightsName)]
    if !indexMembers.isEmpty {
      map["index"] = .text(JSONValue.object(indexMembers).serialized())
    }
    if !indexMetadata.isEmpty {
      map["index-metadata"] = .text(JSONValue.object(indexMetadata).serialized())
    }
    if countsParameters { map["counts-parameters"] = true }
    return map
  }

  /// Reads the value of the extension; returns nil if it is not as the specification requires.
  init?(packed value: CBORValue) {
    guard let map = value.asMap else { return nil }
    self.init(packed: map)
    guard let parts = map["components"] else { return }
    guard let parts = parts.asArray else { return nil }
    var paths: Set<String> = []
    for part in parts {
      guard let map = part.asMap, let path = map["path"]?.asText,
        ComponentLayout.isValid(path: path), paths.insert(path).inserted,
        let layout = FolderLayout(packed: map), let metadata = Self.object(map["metadata"])
      else { return nil }
      components.append(
        ComponentLayout(
          path: path, layout: layout,
          metadata: metadata.compactMap { key, value in
            value.asString.map { Checkpoint.Metadatum(key: key, value: $0) }
          }))
    }
  }

  /// Reads the names and keys of a folder without its components.
  private init?(packed map: CBORMap) {
    guard let name = map["weights"]?.asText,
      Self.isValid(weightsName: name),
      let members = Self.object(map["index"], without: ["metadata", "weight_map"]),
      let metadata = Self.object(map["index-metadata"], without: ["total_size"]),
      let counts = (map["counts-parameters"] ?? false).asBool
    else { return nil }
    self.init(weightsName: name)
    indexMembers = members
    indexMetadata = metadata
    countsParameters = counts
    if counts { indexMetadata["total_parameters"] = nil }
  }

  /// Returns the object in a JSON text, without keys that the writer of an index makes itself; an empty object if
  /// there is no text, nil if it is not an object.
  private static func object(
    _ text: CBORValue?, without keys: [String] = []
  ) -> JSONObject? {
    guard let text else { return JSONObject() }
    guard let text = text.asText,
      case .object(var object)? = try? JSONValue.parse(Array(text.utf8).rawSpan)
    else { return nil }
    for key in keys { object[key] = nil }
    return object
  }
}
