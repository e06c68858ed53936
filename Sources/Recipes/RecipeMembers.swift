import YAML

/// A collector for the members of a map, including those that a merge key `<<` adds.
///
/// Members of the map itself take precedence over merged members. In a list of merged maps, earlier maps take
/// precedence over later ones. The order is that of PyYAML's dictionaries: the merged members come first, beginning
/// with the last map of the list.
struct RecipeMembers {
  private var own: [RecipeValue.Member] = []
  private var lines: [String: Int] = [:]
  private var merged: [[RecipeValue.Member]] = []

  /// Adds a member, or the members of `value` for a merge key.
  mutating func add(
    _ key: String, _ value: RecipeValue, isMerge: Bool, line: Int
  ) throws(YAMLFault) {
    if let first = lines.updateValue(line, forKey: key) {
      throw YAMLFault("the key '\(key)' is used twice, first in line \(first)", line: line)
    }
    guard isMerge else {
      own.append(RecipeValue.Member(key: key, value: value))
      return
    }
    switch value.content {
    case .map(let members): merged = [members]
    case .list(let list):
      merged = try list.map { (item) throws(YAMLFault) in
        guard case .map(let members) = item.content else { throw Self.notAMap(item, line) }
        return members
      }
    case .null, .bool, .integer, .number, .string: throw Self.notAMap(value, line)
    }
  }

  /// All members; each key occurs once.
  var all: [RecipeValue.Member] {
    guard !merged.isEmpty else { return own }
    var members: [RecipeValue.Member] = []
    var indices: [String: Int] = [:]
    for member in merged.reversed().joined() + own {
      if let index = indices[member.key] {
        members[index].value = member.value
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
