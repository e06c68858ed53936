import Base
import Recipes

/// Parameters of recipes.
extension MergeRecipeReader {
  /// The maximum number of values with filters in the recipes of a file; each is compared with all tensor names.
  private static let filterLimit = 1 << 12

  mutating func parameters(_ value: RecipeValue) -> MergeParameters {
    guard let map = value.asMap else {
      if value.content != .null { fault(value.line, "parameters is \(value.kind), expected a map") }
      return MergeParameters()
    }
    var choices: [String: [MergeParameters.Choice]] = [:]
    for member in map { choices[member.key] = self.choices(member.value, of: member.key) }
    return MergeParameters(choices)
  }

  private mutating func choices(
    _ value: RecipeValue, of name: String
  ) -> [MergeParameters.Choice] {
    // Only the maps of a list have filters; any other value applies to all tensors.
    let parts: [RecipeValue]
    if let list = value.asList, list.contains(where: { $0.asMap != nil }) {
      parts = list
    } else if value.asMap != nil {
      parts = [value]
    } else {
      return self.value(value, of: name).map {
        [MergeParameters.Choice(filter: nil, value: $0, line: value.line)]
      } ?? []
    }
    filterCount += parts.count
    guard filterCount <= Self.filterLimit else {
      fault(value.line, "there are more than \(Self.filterLimit.grouped) values with filters")
      return []
    }
    return parts.compactMap { choice($0, of: name) }
  }

  private mutating func choice(
    _ part: RecipeValue, of name: String
  ) -> MergeParameters.Choice? {
    let members = members(part, of: "a value of '\(name.shown)'", known: ["filter", "value"])
    guard let inner = members["value"], let found = value(inner, of: name) else {
      if part.asMap != nil, members["value"] == nil {
        fault(part.line, "'\(name.shown)' has no value, expected the key 'value'")
      }
      return nil
    }
    let filter = optional(members["filter"])
    if let filter, filter.asString == nil {
      fault(filter.line, "a filter is \(filter.kind), expected a part of tensor names")
      return nil
    }
    return MergeParameters.Choice(
      filter: filter?.asString == "*" ? nil : filter?.asString, value: found, line: part.line)
  }

  private mutating func value(_ value: RecipeValue, of name: String) -> MergeParameters.Value? {
    if let number = Self.number(value) { return .number(number) }
    if let flag = value.asBool { return .bool(flag) }
    if let list = value.asList, !list.isEmpty {
      let numbers = list.compactMap(Self.number)
      if numbers.count == list.count { return .gradient(numbers) }
      let flags = list.compactMap(\.asBool)
      if flags.count == list.count { return .bools(flags) }
    }
    for part in value.asList ?? [value] {
      guard let number = Self.anyNumber(part) else { continue }
      guard number.isFinite else {
        let kind = number.isNaN ? "NaN" : "infinite"
        fault(
          part.line,
          "'\(name.shown)' \(value.asList == nil ? "is" : "has a value that is") \(kind), "
            + "expected a finite number")
        return nil
      }
    }
    fault(
      value.line,
      "'\(name.shown)' is \(value.kind), expected a number, true or false, or a list of these")
    return nil
  }

  /// Returns a finite number, which may be in quotes as in mergekit.
  private static func number(_ value: RecipeValue) -> Double? {
    anyNumber(value).flatMap { $0.isFinite ? $0 : nil }
  }

  private static func anyNumber(_ value: RecipeValue) -> Double? {
    value.asNumber ?? value.asString.flatMap { Double($0) }
  }
}
