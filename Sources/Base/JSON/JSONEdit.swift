/// An editor that changes members of objects in a JSON text and leaves every other byte unchanged.
package struct JSONEdit {
  package private(set) var text: [UInt8]

  package init(_ text: [UInt8]) { self.text = text }

  /// The byte ranges of an object and its members.
  private struct ObjectLayout {
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
    guard let layout = layout(of: path) else { return false }
    let indent = layout.indent ?? 2 * (path.count + 1)
    let existing = layout.members.first { $0.key == key }
    guard let value else {
      guard let existing else { return true }
      remove(existing.value, from: layout)
      return true
    }
    let bytes = Self.bytes(of: value, indent: indent)
    if let existing {
      text.replaceSubrange(existing.value, with: bytes)
      return true
    }
    let line = [UInt8(ascii: "\n")] + [UInt8](repeating: 32, count: indent)
    let name = Array((JSONValue.string(key).serialized() + ": ").utf8)
    if let last = layout.members.last {
      text.insert(contentsOf: [UInt8(ascii: ",")] + line + name + bytes, at: last.value.upperBound)
    } else {
      let end = [UInt8(ascii: "\n")] + [UInt8](repeating: 32, count: max(0, indent - 2))
      text.replaceSubrange(layout.inner, with: line + name + bytes + end)
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

  /// Removes a member and one of the commas next to it.
  private mutating func remove(_ value: Range<Int>, from layout: ObjectLayout) {
    guard let index = layout.members.firstIndex(where: { $0.value == value }) else { return }
    let start = index == 0 ? layout.inner.lowerBound : layout.members[index - 1].value.upperBound
    if index > 0 {
      text.removeSubrange(start..<value.upperBound)
    } else if layout.members.count > 1 {
      // Removes the text up to and including the comma after the member.
      let comma = text[value.upperBound...].firstIndex(of: UInt8(ascii: ","))
      text.removeSubrange(start..<(comma.map { $0 + 1 } ?? value.upperBound))
    } else {
      text.removeSubrange(layout.inner)
    }
  }

  private func layout(of path: [String]) -> ObjectLayout? {
    var reader = JSONReader(text.rawSpan)
    return try? Self.layout(of: path[...], &reader, text)
  }

  private static func layout(
    of path: ArraySlice<String>, _ reader: inout JSONReader, _ text: [UInt8]
  ) throws(JSONError) -> ObjectLayout? {
    guard try reader.peekKind() == .object else { return nil }
    try reader.enterObject()
    guard let wanted = path.first else {
      var layout = ObjectLayout()
      let start = reader.byteOffset
      while let key = try reader.nextKey() {
        if layout.members.isEmpty {
          layout.indent = indent(before: reader.keyByteOffset, in: text)
        }
        _ = try reader.peekKind()
        let value = reader.byteOffset
        try reader.skipValue()
        layout.members.append((key, value..<reader.byteOffset))
      }
      layout.inner = start..<reader.byteOffset - 1
      return layout
    }
    while let key = try reader.nextKey() {
      if key == wanted { return try layout(of: path.dropFirst(), &reader, text) }
      try reader.skipValue()
    }
    return nil
  }

  /// Returns the number of spaces before `byteOffset`, or nil if its line contains anything else before it.
  private static func indent(before byteOffset: Int, in text: [UInt8]) -> Int? {
    var start = byteOffset
    while start > 0, text[start - 1] == 32 { start -= 1 }
    return start > 0 && text[start - 1] == UInt8(ascii: "\n") ? byteOffset - start : nil
  }
}
