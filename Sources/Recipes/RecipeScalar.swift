import YAML

/// A resolver that determines the value of a scalar.
///
/// Source: YAML 1.1, types `null`, `bool`, `int` and `float` with the expressions of PyYAML's resolver, and the core
/// schema of YAML 1.2 (section 10.3.2) for numbers that those do not match.
enum RecipeScalar {
  private static let tagPrefix = "tag:yaml.org,2002:"

  static func content(
    of text: String, isPlain: Bool, tag: String?, line: Int
  ) throws(YAMLFault) -> RecipeValue.Content {
    // PyYAML also ignores the tag `!`.
    guard let tag, tag != "!" else { return isPlain ? plain(text) : .string(text) }
    let content: RecipeValue.Content
    switch (tag, plain(text)) {
    case (tagPrefix + "str", _): content = .string(text)
    case (tagPrefix + "null", .null): content = .null
    case (tagPrefix + "bool", .bool(let flag)): content = .bool(flag)
    case (tagPrefix + "int", .integer(let value)): content = .integer(value)
    case (tagPrefix + "float", .integer(let value)): content = .number(Double(value))
    case (tagPrefix + "float", .number(let value)): content = .number(value)
    case (tagPrefix + "null", _), (tagPrefix + "bool", _), (tagPrefix + "int", _),
      (tagPrefix + "float", _):
      throw YAMLFault("'\(text.shown)' does not match its tag '\(tag.shown)'", line: line)
    default: throw unsupported(tag, line)
    }
    return content
  }

  /// Throws unless a list or map has no tag or the tag of its kind, `seq` or `map`.
  static func check(tag: String?, is kind: String, line: Int) throws(YAMLFault) {
    guard let tag, tag != "!", tag != tagPrefix + kind else { return }
    throw unsupported(tag, line)
  }

  private static func unsupported(_ tag: String, _ line: Int) -> YAMLFault {
    YAMLFault("the tag '\(tag.shown)' is not supported here", line: line)
  }

  /// Returns the value of a scalar without quotes and without a tag.
  static func plain(_ text: String) -> RecipeValue.Content {
    switch text {
    case "", "~", "null", "Null", "NULL": .null
    case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": .bool(true)
    case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": .bool(false)
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": .number(.infinity)
    case "-.inf", "-.Inf", "-.INF": .number(-.infinity)
    case ".nan", ".NaN", ".NAN": .number(.nan)
    default: RecipeNumber(text)?.content ?? .string(text)
    }
  }
}
