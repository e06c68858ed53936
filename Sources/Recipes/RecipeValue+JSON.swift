package import Base

extension RecipeValue {
  /// The value as JSON; members keep their order, and numbers that are not finite become texts.
  package var json: JSONValue {
    switch content {
    case .null: .null
    case .bool(let value): .bool(value)
    case .integer(let value): JSONValue(value)
    case .number(let value): JSONValue(value)
    case .string(let value): .string(value)
    case .list(let values): .array(values.map(\.json))
    case .map(let members): .object(JSONObject(members.map { ($0.key, $0.value.json) }))
    }
  }
}
