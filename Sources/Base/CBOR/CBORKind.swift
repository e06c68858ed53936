/// The kind of a CBOR item in the supported subset.
package enum CBORKind: CaseIterable, Sendable {
  case unsigned, negative, bytes, text, array, map, bool, null, float
}

extension CBORKind: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unsigned: "an unsigned integer"
    case .negative: "a negative integer"
    case .bytes: "a byte string"
    case .text: "a text string"
    case .array: "an array"
    case .map: "a map"
    case .bool: "true or false"
    case .null: "null"
    case .float: "a float"
    }
  }
}
