package import Base

/// A value of a checkpoint's metadata.
///
/// The metadata of safetensors and `.sumac` files are strings. Other values are written there as JSON.
package enum MetadataValue: Hashable, Sendable {
  case string(String)
  case integer(Int64)
  case unsigned(UInt64)
  case number(Double)
  case boolean(Bool)
  case array([MetadataValue])

  package var asString: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The string, or other values as JSON.
  package var text: String { asString ?? json.serialized() }

  package var json: JSONValue {
    switch self {
    case .string(let text): .string(text)
    case .integer(let number): JSONValue(Int(number))
    case .unsigned(let number):
      Int(exactly: number).map { JSONValue($0) } ?? .string(String(number))
    case .number(let number): JSONValue(number)
    case .boolean(let flag): .bool(flag)
    case .array(let values): .array(values.map(\.json))
    }
  }
}

extension Checkpoint {
  /// A key and a value of the metadata.
  package struct Metadatum: Hashable, Sendable {
    package var key: String
    package var value: MetadataValue

    package init(key: String, value: MetadataValue) {
      self.key = key
      self.value = value
    }

    package init(key: String, value: String) {
      self.init(key: key, value: .string(value))
    }
  }

  /// Returns the string of a metadata key; nil if the key is missing or its value is not a string.
  package func metadataString(_ key: String) -> String? {
    metadata.first { $0.key == key }?.value.asString
  }
}
