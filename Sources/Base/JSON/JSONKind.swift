/// The kind of a JSON value.
package enum JSONKind: String, CaseIterable, Sendable {
  case object, array, string, number, bool, null
}

extension JSONKind: CustomStringConvertible {
  package var description: String {
    switch self {
    case .object: "an object"
    case .array: "an array"
    case .string: "a string"
    case .number: "a number"
    case .bool: "true or false"
    case .null: "null"
    }
  }
}
