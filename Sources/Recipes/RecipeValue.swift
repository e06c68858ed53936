/// A value of a recipe file with its line.
package struct RecipeValue: Sendable, Equatable {
  /// The content of a value.
  package indirect enum Content: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case list([RecipeValue])
    /// The members in the order of the file, with unique keys.
    case map([Member])
  }

  /// A key of a map with its value.
  package struct Member: Sendable, Equatable {
    package var key: String
    package var value: RecipeValue
    /// The line number of the key, starting at 1; 0 for members that are not from a file.
    package var line: Int
    /// True if the member belongs to the map of a document and there is an anchor in its value or key.
    package var hasAnchors = false
    /// True if it has anchors and an alias refers to one of them.
    package var isReferenced = false

    package init(key: String, value: RecipeValue, line: Int = 0) {
      self.key = key
      self.value = value
      self.line = line
    }
  }

  package var content: Content
  /// The line number, starting at 1; 0 for values that are not from a file.
  package var line: Int

  package init(_ content: Content, line: Int = 0) {
    self.content = content
    self.line = line
  }

  /// The number, integer or not.
  package var asNumber: Double? {
    switch content {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .null, .bool, .string, .list, .map: nil
    }
  }

  package var asInteger: Int? { if case .integer(let value) = content { value } else { nil } }
  package var asBool: Bool? { if case .bool(let value) = content { value } else { nil } }
  package var asString: String? { if case .string(let value) = content { value } else { nil } }
  package var asList: [RecipeValue]? { if case .list(let value) = content { value } else { nil } }
  package var asMap: [Member]? { if case .map(let value) = content { value } else { nil } }

  /// The kind of the value, for messages.
  package var kind: String {
    switch content {
    case .null: "nothing"
    case .bool: "true or false"
    case .integer, .number: "a number"
    case .string: "a text"
    case .list: "a list"
    case .map: "a map"
    }
  }
}
