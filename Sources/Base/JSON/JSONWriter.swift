/// A writer that produces one JSON text, value by value. Equal calls produce equal bytes.
///
/// The writer escapes only `"`, `\` and control characters below U+0020; all other characters are written as UTF-8.
/// Doubles get the fewest digits that read as the same value again. NaN and infinity become the strings `NaN`,
/// `Infinity` and `-Infinity`. The writer traps on calls that do not form JSON. The caller ensures unique keys.
package struct JSONWriter {
  private struct Container {
    var isObject: Bool
    var isEmpty = true
  }

  package private(set) var bytes: [UInt8] = []
  private let indented: Bool
  private var containers: [Container] = []
  /// True if a key was written and its value was not.
  private var valueIsDue = false

  /// - Parameter indented: True to write each member and element on its own line with two spaces per level; false
  ///   to write no white space.
  package init(indented: Bool = false) { self.indented = indented }

  /// The text written so far.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  package mutating func beginObject() { begin(Container(isObject: true)) }
  package mutating func endObject() { end(isObject: true) }
  package mutating func beginArray() { begin(Container(isObject: false)) }
  package mutating func endArray() { end(isObject: false) }

  /// Writes a key; its value must follow.
  package mutating func key(_ key: String) {
    precondition(containers.last?.isObject == true && !valueIsDue, "a key is not allowed here")
    startMember()
    appendString(key)
    append(indented ? ": " : ":")
    valueIsDue = true
  }

  package mutating func null() {
    startValue()
    append("null")
  }

  package mutating func value(_ value: Bool) {
    startValue()
    append(value ? "true" : "false")
  }

  package mutating func value(_ value: some FixedWidthInteger) {
    startValue()
    append(value.description)
  }

  package mutating func value(_ value: JSONNumber) {
    startValue()
    append(value.text)
  }

  package mutating func value(_ value: Double) { self.value(JSONValue(value)) }

  package mutating func value(_ value: Float) { self.value(JSONValue(value)) }

  package mutating func value(_ value: String) {
    startValue()
    appendString(value)
  }

  package mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let value): self.value(value)
    case .number(let value): self.value(value)
    case .string(let value): self.value(value)
    case .array(let elements):
      beginArray()
      for element in elements { self.value(element) }
      endArray()
    case .object(let members):
      beginObject()
      for (key, value) in members {
        self.key(key)
        self.value(value)
      }
      endObject()
    }
  }

  static func name(ofNonFinite value: Double) -> String {
    value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
  }
}

extension JSONWriter {
  private mutating func begin(_ container: Container) {
    startValue()
    containers.append(container)
    append(container.isObject ? "{" : "[")
  }

  private mutating func end(isObject: Bool) {
    precondition(
      containers.last?.isObject == isObject && !valueIsDue, "this end is not allowed here")
    let isEmpty = containers.removeLast().isEmpty
    if !isEmpty { startLine() }
    append(isObject ? "}" : "]")
  }

  private mutating func startValue() {
    if valueIsDue {
      valueIsDue = false
    } else if let container = containers.last {
      precondition(!container.isObject, "a key must be written here")
      startMember()
    } else {
      precondition(bytes.isEmpty, "the text is already complete")
    }
  }

  private mutating func startMember() {
    if !containers[containers.count - 1].isEmpty { append(",") }
    containers[containers.count - 1].isEmpty = false
    startLine()
  }

  private mutating func startLine() {
    guard indented else { return }
    append("\n")
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * containers.count))
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func appendString(_ string: String) {
    append("\"")
    if string.utf8.contains(where: Self.needsEscape) {
      for byte in string.utf8 { appendEscaped(byte) }
    } else {
      append(string)
    }
    append("\"")
  }

  private static func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private mutating func appendEscaped(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): append("\\\"")
    case UInt8(ascii: "\\"): append("\\\\")
    case 0x08: append("\\b")
    case 0x09: append("\\t")
    case 0x0A: append("\\n")
    case 0x0C: append("\\f")
    case 0x0D: append("\\r")
    case 0..<0x10: append("\\u000\(String(byte, radix: 16))")
    case 0x10..<0x20: append("\\u00\(String(byte, radix: 16))")
    default: bytes.append(byte)
    }
  }
}
