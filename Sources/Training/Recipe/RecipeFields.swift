package import Base
package import Recipes

/// The members of a map of a recipe, which are read by their keys. Faults name the line.
package struct RecipeFields {
  package let path: String
  /// The name of the map in messages.
  let place: String
  package let line: Int
  private var members: [String: RecipeValue] = [:]
  package private(set) var faults: [any UserError] = []

  /// - Parameter keys: The keys that the map may have; others are faults.
  package init(_ value: RecipeValue, _ place: String, keys: [String], path: String) {
    self.path = path
    self.place = place
    line = value.line
    guard let all = value.asMap else {
      report(
        value.line,
        "\(place) is \(value.kind), expected a map with the keys \(keys.joined(separator: ", "))")
      return
    }
    for member in all {
      guard keys.contains(member.key) else {
        report(
          member.line, "\(place) has no key '\(member.key.printable)'",
          hint: Nearest.name(member.key, of: keys).map { "did you mean '\($0)'?" }
            ?? "the keys are \(keys.joined(separator: ", "))")
        continue
      }
      members[member.key] = member.value
    }
  }

  package mutating func report(_ line: Int, _ reason: String, hint: String? = nil) {
    faults.append(
      FormatError(.recipe, "line \(line): \(reason)", path: path, hint: hint.map { Message($0) }))
  }

  package subscript(key: String) -> RecipeValue? { members[key] }

  /// Returns a number in a range that `expected` describes; nil if the key is absent or its value is a fault.
  package mutating func number(
    _ key: String, _ expected: String, where isValid: (Double) -> Bool
  ) -> Double? {
    guard let value = members[key] else { return nil }
    guard let number = value.asNumber, number.isFinite, isValid(number) else {
      let found = value.asNumber.map { "\($0)" } ?? value.kind
      report(value.line, "\(key) is \(found), expected \(expected)")
      return nil
    }
    return number
  }

  /// Returns a whole number from `minimum` to `maximum`.
  package mutating func count(
    _ key: String, from minimum: Int = 1, to maximum: Int = 1 << 40
  ) -> Int? {
    guard let value = members[key] else { return nil }
    guard let count = value.asInteger, (minimum...maximum).contains(count) else {
      let found = value.asNumber.map { "\($0)" } ?? value.kind
      report(
        value.line,
        "\(key) is \(found), expected a whole number from \(minimum) to \(maximum.grouped)")
      return nil
    }
    return count
  }

  package mutating func flag(_ key: String) -> Bool? {
    guard let value = members[key] else { return nil }
    guard let flag = value.asBool else {
      report(value.line, "\(key) is \(value.kind), expected true or false")
      return nil
    }
    return flag
  }

  /// Returns one of several names.
  package mutating func choice(_ key: String, of names: [String]) -> String? {
    guard let value = members[key] else { return nil }
    guard let name = value.asString, names.contains(name) else {
      let found = value.asString.map { "'\($0.printable)'" } ?? value.kind
      report(
        value.line, "\(key) is \(found), expected \(names.joined(separator: ", "))",
        hint: value.asString.flatMap { Nearest.name($0, of: names) }.map { "did you mean '\($0)'?" }
      )
      return nil
    }
    return name
  }

  /// Returns a list of numbers; a single number is a list of one.
  package mutating func numbers(
    _ key: String, count: Int? = nil, _ expected: String, where isValid: (Double) -> Bool
  ) -> [Double]? {
    guard let value = members[key] else { return nil }
    let list = value.asList ?? [value]
    let numbers = list.compactMap(\.asNumber).filter { $0.isFinite && isValid($0) }
    guard numbers.count == list.count, count ?? numbers.count == numbers.count else {
      report(value.line, "\(key) is \(value.kind), expected \(expected)")
      return nil
    }
    return numbers
  }

  /// Returns the fields of a map in this one; a text stands for a map that has only `name`.
  package mutating func fields(_ key: String, keys: [String]) -> RecipeFields? {
    guard var value = members[key] else { return nil }
    if value.asString != nil {
      let name = RecipeValue.Member(key: "name", value: value, line: value.line)
      value = RecipeValue(.map([name]), line: value.line)
    }
    return RecipeFields(value, key, keys: keys, path: path)
  }

  package mutating func add(_ other: RecipeFields) { faults += other.faults }
}
