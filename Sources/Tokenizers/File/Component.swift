import Base

/// An object of a tokenizer file, which is read member by member; members that were not read are an error.
struct Component {
  /// The path of the file.
  let path: String
  /// The place in the file, such as `decoder.decoders[1]`.
  let place: String
  private let object: JSONObject
  private var known: Set<String> = ["type"]

  static func read(_ value: JSONValue, place: String, path: String) throws -> Component {
    guard let object = value.asObject else {
      throw FormatError(
        .file, "\(place) is \(value.kind), expected an object", path: path)
    }
    return Component(path: path, place: place, object: object)
  }

  private init(path: String, place: String, object: JSONObject) {
    (self.path, self.place, self.object) = (path, place, object)
  }

  func error(_ fault: TokenizerFault, _ reason: String) -> FormatError {
    FormatError(fault, "\(place): \(reason)", path: path)
  }

  /// The type of the component.
  func type() throws -> String {
    guard let type = object["type"]?.asString else {
      throw error(.file, "has no member 'type' with the name of a component")
    }
    return type
  }

  /// Returns what the component of a registry with this type reads.
  /// - Throws: ``FormatError`` for a type that is not in the registry, and for options that were not read.
  func read<Kind, Result>(
    by registry: [String: Kind], _ read: (Kind, inout Component) throws -> Result
  ) throws -> Result {
    let name = try type()
    guard let kind = registry[name] else { throw unknown(name, known: Array(registry.keys)) }
    var component = self
    let result = try read(kind, &component)
    try component.finish()
    return result
  }

  /// Returns a member; nil if it is missing or null.
  mutating func optional(_ key: String) -> JSONValue? {
    known.insert(key)
    let value = object[key]
    return value == .null ? nil : value
  }

  private func wrong(_ key: String, _ value: JSONValue?, _ expected: String) -> FormatError {
    error(.file, "'\(key)' is \(value.map { "\($0.kind)" } ?? "missing"), expected \(expected)")
  }

  mutating func bool(_ key: String, default standard: Bool? = nil) throws -> Bool {
    let value = optional(key)
    guard let result = value?.asBool ?? (value == nil ? standard : nil) else {
      throw wrong(key, value, "true or false")
    }
    return result
  }

  mutating func string(_ key: String, default standard: String? = nil) throws -> String {
    let value = optional(key)
    guard let result = value?.asString ?? (value == nil ? standard : nil) else {
      throw wrong(key, value, "a string")
    }
    return result
  }

  mutating func optionalString(_ key: String) throws -> String? {
    guard let value = optional(key) else { return nil }
    guard let result = value.asString else { throw wrong(key, value, "a string or null") }
    return result
  }

  /// Reads an integer from 0 to 2³¹ − 1.
  mutating func count(_ key: String) throws -> Int {
    let value = optional(key)
    guard let result = value?.asInt, (0...Int(Int32.max)).contains(result) else {
      throw wrong(key, value, "an integer from 0 to \(Int32.max)")
    }
    return result
  }

  mutating func array(_ key: String) throws -> [JSONValue] {
    let value = optional(key)
    guard let result = value?.asArray else { throw wrong(key, value, "an array") }
    return result
  }

  /// Reads a string of one scalar.
  mutating func scalar(_ key: String) throws -> Unicode.Scalar {
    let text = try string(key)
    guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
      throw error(.file, "'\(key)' is '\(text.printable)', expected one character")
    }
    return scalar
  }

  /// Reads a member that is an object.
  mutating func component(_ key: String) throws -> Component {
    guard let value = optional(key) else { throw wrong(key, nil, "an object") }
    return try Component.read(value, place: "\(place).\(key)", path: path)
  }

  /// Reads an array of objects.
  mutating func components(_ key: String) throws -> [Component] {
    try array(key).enumerated().map {
      try Component.read($0.element, place: "\(place).\(key)[\($0.offset)]", path: path)
    }
  }

  /// Reads a pattern, which is an object with a member `String` or `Regex`.
  mutating func pattern(_ key: String) throws -> TextPattern {
    var pattern = try component(key)
    if let text = try pattern.optionalString("String") {
      try pattern.finish()
      return .literal(Array(text.utf8))
    }
    let text = try pattern.string("Regex")
    try pattern.finish()
    do {
      return .expression(try PatternProgram.compile(text))
    } catch {
      throw self.error(
        .pattern,
        "the regular expression has \(error.reason) at character \(error.scalarOffset), which is not supported: \(text.printable)"
      )
    }
  }

  /// Throws an error if the object has a member that was not read.
  func finish() throws {
    for (key, _) in object where !known.contains(key) {
      throw error(.unsupported, "the option '\(key.printable)' is not known")
    }
  }

  /// Returns the error for a component whose name is not in a registry.
  func unknown(_ name: String, known names: [String]) -> FormatError {
    error(
      .unsupported,
      "the component '\(name.printable)' is not known; known are \(names.sorted().joined(separator: ", "))"
    )
  }
}
