import YAML

/// A collector for the members of a map, including those that merge keys `<<` add.
///
/// Members of the map itself take precedence over merged members. In a list of merged maps, earlier maps take
/// precedence over later ones; of several merge keys, the last one takes precedence. The order is that of PyYAML's
/// dictionaries: the merged members come first, beginning with the last map of the list.
struct RecipeMembers {
  private var own: [RecipeValue.Member] = []
  private var lines: [String: Int] = [:]
  /// The merged members; later ones take precedence.
  private var merged: [RecipeValue.Member] = []

  /// Adds a member of the map itself.
  mutating func add(_ key: String, _ value: RecipeValue, line: Int) throws(YAMLFault) {
    if let first = lines.updateValue(line, forKey: key) {
      throw YAMLFault("the key '\(key.shown)' is used twice, first in line \(first)", line: line)
    }
    own.append(RecipeValue.Member(key: key, value: value, line: line))
  }

  /// Adds the members of the value of a merge key.
  mutating func merge(_ value: RecipeValue, line: Int) throws(YAMLFault) {
    switch value.content {
    case .map(let members): merged += members
    case .list(let list):
      for item in list.reversed() {
        guard case .map(let members) = item.content else { throw Self.notAMap(item, line) }
        merged += members
      }
    case .null, .bool, .integer, .number, .string: throw Self.notAMap(value, line)
    }
  }

  /// All members; each key occurs once.
  var all: [RecipeValue.Member] {
    guard !merged.isEmpty else { return own }
    var members: [RecipeValue.Member] = []
    var indices: [String: Int] = [:]
    for member in merged + own {
      if let index = indices[member.key] {
        members[index].value = member.value
        members[index].line = member.line
      } else {
        indices[member.key] = members.count
        members.append(member)
      }
    }
    return members
  }

  private static func notAMap(_ value: RecipeValue, _ line: Int) -> YAMLFault {
    YAMLFault("'<<' merges \(value.kind), expected a map or a list of maps", line: line)
  }
}
