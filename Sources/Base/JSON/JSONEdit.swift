/// An editor that changes members of objects in a JSON text and leaves every other byte unchanged.
package struct JSONEdit {
  package private(set) var text: [UInt8]

  package init(_ text: [UInt8]) { self.text = text }

  /// Where an object and its members stand.
  private struct Places {
    var members: [(key: String, value: Range<Int>)] = []
    /// The range between the braces.
    var inner = 0..<0
    /// The number of spaces before the first member, if it starts its line.
    var indent: Int?
  }

  /// Sets or removes a member of the object at a path of keys. An existing member keeps its position, a new member
  /// is added at the end, and nil removes the member.
  /// - Returns: False if there is no object at that path.
  package mutating func set(_ key: String, _ value: JSONValue?, at path: [String] = []) -> Bool {
    guard let places = places(of: path) else { return false }
    let indent = places.indent ?? 2 * (path.count + 1)
    let existing = places.members.first { $0.key == key }
    guard let value else {
      guard let existing else { return true }
      remove(existing.value, from: places)
      return true
    }
    let bytes = Self.bytes(of: value, indent: indent)
    if let existing {
      text.replaceSubrange(existing.value, with: bytes)
      return true
    }
    let line = [UInt8(ascii: "\n")] + [UInt8](repeating: 32, count: indent)
    let name = Array((JSONValue.string(key).serialized() + ": ").utf8)
    if let last = places.members.last {
      text.insert(contentsOf: [UInt8(ascii: ",")] + line + name + bytes, at: last.value.upperBound)
    } else {
      let end = [UInt8(ascii: "\n")] + [UInt8](repeating: 32, count: max(0, indent - 2))
      text.replaceSubrange(places.inner, with: line + name + bytes + end)
    }
    return true
  }

  /// Returns the text of `value` for an object whose members are indented by `indent` spaces.
  private static func bytes(of value: JSONValue, indent: Int) -> [UInt8] {
    let lines = value.serialized(indented: true).split(
      separator: "\n", omittingEmptySubsequences: false)
    let space = String(repeating: " ", count: indent)
    return Array(lines.joined(separator: "\n" + space).utf8)
  }

  /// Removes a member with one of the commas beside it.
  private mutating func remove(_ value: Range<Int>, from places: Places) {
    guard let number = places.members.firstIndex(where: { $0.value == value }) else { return }
    let start = number == 0 ? places.inner.lowerBound : places.members[number - 1].value.upperBound
    if number > 0 {
      text.removeSubrange(start..<value.upperBound)
    } else if places.members.count > 1 {
      // Up to and with the comma behind it.
      let comma = text[value.upperBound...].firstIndex(of: UInt8(ascii: ","))
      text.removeSubrange(start..<(comma.map { $0 + 1 } ?? value.upperBound))
    } else {
      text.removeSubrange(places.inner)
    }
  }

  private func places(of path: [String]) -> Places? {
    var reader = JSONReader(text.rawSpan)
    return try? Self.places(of: path[...], &reader, text)
  }

  private static func places(
    of path: ArraySlice<String>, _ reader: inout JSONReader, _ text: [UInt8]
  ) throws(JSONError) -> Places? {
    guard try reader.peekKind() == .object else { return nil }
    try reader.enterObject()
    guard let wanted = path.first else {
      var places = Places()
      let start = reader.byteOffset
      while let key = try reader.nextKey() {
        if places.members.isEmpty {
          places.indent = indent(before: reader.keyByteOffset, in: text)
        }
        _ = try reader.peekKind()
        let value = reader.byteOffset
        try reader.skipValue()
        places.members.append((key, value..<reader.byteOffset))
      }
      places.inner = start..<reader.byteOffset - 1
      return places
    }
    while let key = try reader.nextKey() {
      if key == wanted { return try places(of: path.dropFirst(), &reader, text) }
      try reader.skipValue()
    }
    return nil
  }

  /// The columns before a place, if nothing but spaces stands in its line.
  private static func indent(before place: Int, in text: [UInt8]) -> Int? {
    var start = place
    while start > 0, text[start - 1] == 32 { start -= 1 }
    return start > 0 && text[start - 1] == UInt8(ascii: "\n") ? place - start : nil
  }
}
