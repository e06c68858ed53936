package import Base

/// A value of a checkpoint's metadata.
///
/// Formats whose metadata are strings, as safetensors and `.sumac`, hold `string` alone; other values are
/// written there as JSON.
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

  /// The value as a string: itself, or as JSON.
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
  /// A key of the metadata with its value.
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

  /// The string under a key of the metadata; nil if there is none, or it is no string.
  package func metadataString(_ key: String) -> String? {
    metadata.first { $0.key == key }?.value.asString
  }
}
