extension JSONValue {
  /// The largest depth limit that `parse` accepts. Each level of nesting is a level of recursion.
  package static let maximumDepthLimit = 1024

  /// Parses a text as strictly as `JSONReader` does, and rejects duplicate keys. Keys are compared as bytes after
  /// their escapes are decoded.
  /// - Complexity: O(*n*) for a text of *n* bytes.
  package static func parse(
    _ bytes: borrowing RawSpan, depthLimit: Int = JSONReader.defaultDepthLimit
  ) throws(JSONError) -> JSONValue {
    try parse(Span(_bytes: copy bytes), depthLimit: depthLimit)
  }

  package static func parse(
    _ bytes: borrowing Span<UInt8>, depthLimit: Int = JSONReader.defaultDepthLimit
  ) throws(JSONError) -> JSONValue {
    precondition(depthLimit <= maximumDepthLimit)
    var reader = JSONReader(bytes, depthLimit: depthLimit)
    let value = try reader.readValue()
    try reader.finish()
    return value
  }
}

extension JSONReader {
  /// Reads the next value as a tree and rejects duplicate keys.
  ///
  /// The function is recursive; the depth limit of the reader must be at most `JSONValue.maximumDepthLimit`.
  @_lifetime(self: copy self)
  package mutating func readValue() throws(JSONError) -> JSONValue {
    switch try peekKind() {
    case .null:
      try readNull()
      return .null
    case .bool: return .bool(try readBool())
    case .number: return .number(try readNumber())
    case .string: return .string(try readString())
    case .array:
      var elements: [JSONValue] = []
      try enterArray()
      while try nextElement() { elements.append(try readValue()) }
      return .array(elements)
    case .object:
      var object = JSONObject()
      try enterObject()
      while let key = try nextKey() {
        let keyStart = keyByteOffset
        guard object.append(key, try readValue()) else {
          throw JSONError(.duplicateKey(key), at: keyStart)
        }
      }
      return .object(object)
    }
  }
}
