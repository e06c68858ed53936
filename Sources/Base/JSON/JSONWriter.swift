/// A writer that produces one JSON text, value by value. Equal calls produce equal bytes.
///
/// The writer escapes `"`, `\` and control characters below U+0020; all other characters are written as UTF-8, unless
/// `escapesControls` asks for an escape of every character that is invisible or controls a terminal.
/// Doubles get the fewest digits that read as the same value again. NaN and infinity become the strings `NaN`,
/// `Infinity` and `-Infinity`. The writer traps on calls that do not form JSON. The caller ensures unique keys.
package struct JSONWriter {
  private struct Container {
    var isObject: Bool
    var isEmpty = true
  }

  package private(set) var bytes: [UInt8] = []
  /// True if the text is complete, or its beginning was taken.
  private var isBegun = false
  private let indented: Bool
  private let escapesControls: Bool
  private var containers: [Container] = []
  /// True if a key was written and its value was not.
  private var valueIsDue = false

  /// - Parameters:
  ///   - indented: True to write each member and element on its own line with two spaces per level; false to write no
  ///     white space.
  ///   - escapesControls: True to escape control characters above U+007E and characters that reorder text or are
  ///     invisible, for texts that a terminal may show.
  package init(indented: Bool = false, escapesControls: Bool = false) {
    self.indented = indented
    self.escapesControls = escapesControls
  }

  /// The text written so far.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Returns what was written since the last call, and forgets it.
  package mutating func drained() -> String {
    defer { bytes.removeAll(keepingCapacity: true) }
    return text
  }

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
      precondition(!isBegun, "the text is already complete")
      isBegun = true
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
    if escapesControls, string.unicodeScalars.contains(where: \.isControlOrFormat) {
      for scalar in string.unicodeScalars {
        if scalar.value >= 0x7F, scalar.isControlOrFormat {
          appendCodeUnits(of: scalar)
        } else {
          for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
            appendEscaped(byte)
          }
        }
      }
    } else if string.utf8.contains(where: Self.needsEscape) {
      for byte in string.utf8 { appendEscaped(byte) }
    } else {
      append(string)
    }
    append("\"")
  }

  /// Writes the UTF-16 code units of a scalar, each as `\u` and four digits.
  private mutating func appendCodeUnits(of scalar: Unicode.Scalar) {
    for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
      let digits = String(unit, radix: 16)
      append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }
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
