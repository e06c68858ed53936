package import Base
package import Checkpoints

/// The text of an index of shards.
package struct ShardIndexText {
  /// A tensor of the index.
  package struct Entry: Sendable {
    package var tensor: String
    package var file: String

    package init(tensor: String, file: String) {
      self.tensor = tensor
      self.file = file
    }
  }

  /// The tensors in the order of the `weight_map`.
  private let entries: [Entry]
  /// The length of all values in bytes.
  private let valueByteCount: Int
  private let elementCount: Int
  /// The names and keys of the folder.
  private let folder: FolderLayout

  package init(
    _ entries: [Entry], valueByteCount: Int, elementCount: Int, folder: FolderLayout
  ) {
    self.entries = entries
    self.valueByteCount = valueByteCount
    self.elementCount = elementCount
    self.folder = folder
  }

  /// Returns the text.
  /// - Parameter own: The member of the format, which comes last; nil if it has none.
  package func json(adding own: (key: String, value: JSONValue)? = nil) -> [UInt8] {
    var writer = JSONWriter(indented: true)
    writer.beginObject()
    writer.key("metadata")
    writer.beginObject()
    writer.key("total_size")
    writer.value(valueByteCount)
    if folder.countsParameters {
      writer.key("total_parameters")
      writer.value(elementCount)
    }
    Self.write(folder.indexMetadata, to: &writer)
    writer.endObject()
    var members = folder.indexMembers
    if let own { members[own.key] = nil }
    Self.write(members, to: &writer)
    writer.key("weight_map")
    writer.beginObject()
    for entry in entries {
      writer.key(entry.tensor)
      writer.value(entry.file)
    }
    writer.endObject()
    if let own {
      writer.key(own.key)
      writer.value(own.value)
    }
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
