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
      report(value.line, "\(key) is \(Self.found(value)), expected \(expected)")
      return nil
    }
    return number
  }

  /// Returns a value for messages: a number or a text as it is, otherwise the kind.
  private static func found(_ value: RecipeValue) -> String {
    switch value.content {
    case .integer(let number): "\(number)"
    case .number(let number): Int(exactly: number).map { "\($0)" } ?? "\(number)"
    case .string(let text): "'\(text.printable)'"
    case .list(let list) where list.isEmpty: "an empty list"
    case .null, .bool, .list, .map: value.kind
    }
  }

  /// Returns a whole number, which may be written like `1e9`.
  private static func wholeNumber(_ value: RecipeValue) -> Int? {
    value.asInteger ?? value.asNumber.flatMap { Int(exactly: $0) }
  }

  /// Returns a number from 0 to 1 as it is, or a percentage such as `50%`.
  private static func share(_ value: RecipeValue) -> Double? {
    guard let text = value.asString else { return value.asNumber }
    return text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : nil
  }

  /// Returns a whole number from `minimum` to `maximum`.
  package mutating func count(
    _ key: String, from minimum: Int = 1, to maximum: Int = 1 << 40
  ) -> Int? {
    guard let value = members[key] else { return nil }
    guard let count = Self.wholeNumber(value), (minimum...maximum).contains(count) else {
      report(
        value.line,
        "\(key) is \(Self.found(value)), expected a whole number from \(minimum) to \(maximum.grouped)"
      )
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
    list(key, count: count, expected) { value in
      value.asNumber.flatMap { $0.isFinite && isValid($0) ? $0 : nil }
    }
  }

  /// Returns a list of shares such as `0.5` or `50%`; a single share is a list of one.
  package mutating func shares(
    _ key: String, _ expected: String, where isValid: (Double) -> Bool
  ) -> [Double]? {
    list(key, expected) { value in Self.share(value).flatMap { isValid($0) ? $0 : nil } }
  }

  /// Returns a list of whole numbers; a single number is a list of one.
  package mutating func counts(
    _ key: String, from minimum: Int, to maximum: Int = 1 << 40
  ) -> [Int]? {
    list(key, "whole numbers from \(minimum) to \(maximum.grouped)") { value in
      Self.wholeNumber(value).flatMap { (minimum...maximum).contains($0) ? $0 : nil }
    }
  }

  /// Returns the values of a list, which has at least one; a single value is a list of one.
  /// - Parameters:
  ///   - count: The number of values; nil for any.
  ///   - read: Returns a value; nil if it is a fault.
  private mutating func list<Value>(
    _ key: String, count: Int? = nil, _ expected: String, _ read: (RecipeValue) -> Value?
  ) -> [Value]? {
    guard let value = members[key] else { return nil }
    let list = value.asList ?? [value]
    var values: [Value] = []
    for entry in list {
      guard let read = read(entry) else {
        let verb = value.asList == nil ? "is" : "has"
        report(
          entry.line == 0 ? value.line : entry.line,
          "\(key) \(verb) \(Self.found(entry)), expected \(expected)")
        return nil
      }
      values.append(read)
    }
    guard count ?? max(1, values.count) == values.count else {
      let found = values.isEmpty ? Self.found(value) : "a list of \(values.count)"
      report(value.line, "\(key) is \(found), expected \(expected)")
      return nil
    }
    return values
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
