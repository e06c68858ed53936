/// A JSON document as a tree.
///
/// Strings are equal if their bytes are. Objects are equal if their members and the order of these are.
package enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  package init(_ value: Bool) { self = .bool(value) }
  package init(_ value: String) { self = .string(value) }
  package init(_ value: some FixedWidthInteger) { self = .number(JSONNumber(value)) }

  /// Creates a number, or one of the strings `NaN`, `Infinity` and `-Infinity`.
  package init(_ value: Double) {
    self = JSONNumber(value).map(JSONValue.number) ?? .string(JSONWriter.name(ofNonFinite: value))
  }

  /// Creates a number with the digits that a `Float` needs, or a string as for `Double`.
  package init(_ value: Float) {
    self =
      JSONNumber(value).map(JSONValue.number)
      ?? .string(JSONWriter.name(ofNonFinite: Double(value)))
  }

  package var kind: JSONKind {
    switch self {
    case .null: .null
    case .bool: .bool
    case .number: .number
    case .string: .string
    case .array: .array
    case .object: .object
    }
  }

  package var asBool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var asNumber: JSONNumber? { if case .number(let value) = self { value } else { nil } }
  package var asInt: Int? { asNumber?.asInt }
  package var asUInt64: UInt64? { asNumber?.asUInt64 }
  package var asDouble: Double? { asNumber?.asDouble }
  package var asString: String? { if case .string(let value) = self { value } else { nil } }
  package var asArray: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  package var asObject: JSONObject? { if case .object(let value) = self { value } else { nil } }

  /// The member with that key, or nil if there is none or the value is not an object.
  package subscript(key: String) -> JSONValue? { asObject?[key] }

  /// Returns the text of the document.
  /// - Parameters:
  ///   - indented: True to write each member on its own line, with two spaces per level.
  ///   - escapesControls: True to escape all characters that are invisible or control a terminal.
  package func serialized(indented: Bool = false, escapesControls: Bool = false) -> String {
    var writer = JSONWriter(indented: indented, escapesControls: escapesControls)
    writer.value(self)
    return writer.text
  }
}

extension JSONValue: Equatable {
  package static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.number(let left), .number(let right)): left == right
    case (.string(let left), .string(let right)): UTF8Key(left) == UTF8Key(right)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    case (.null, _), (.bool, _), (.number, _), (.string, _), (.array, _), (.object, _): false
    }
  }
}

extension JSONValue: ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringInterpolation,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(integerLiteral value: Int) { self.init(value) }
  package init(floatLiteral value: Double) { self.init(value) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

  /// Traps if a key occurs twice.
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = JSONObject()
    for (key, value) in elements {
      let isNew = object.append(key, value)
      precondition(isNew, "duplicate key")
    }
    self = .object(object)
  }
}
