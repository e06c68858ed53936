/// A JSON number as written in the text; it is converted only on request.
///
/// Two numbers are equal if their texts are: `1` and `1.0` differ.
package struct JSONNumber: Equatable, Sendable {
  package let text: String

  /// Creates a number from text that is known to match the grammar.
  init(valid text: String) { self.text = text }

  /// Creates a number from `text`, or returns nil if it is not a number by RFC 8259.
  package init?(_ text: String) {
    let utf8 = text.utf8
    guard let first = utf8.first, first == UInt8(ascii: "-") || JSONReader.isDigit(first) else {
      return nil
    }
    var reader = JSONReader(utf8.span)
    guard (try? reader.readNumber()) != nil, reader.byteOffset == utf8.count else { return nil }
    self.text = text
  }

  package init(_ value: some FixedWidthInteger) { text = value.description }

  /// Creates the shortest number that reads as `value` again, or returns nil for NaN and infinity.
  package init?(_ value: Double) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// Creates the shortest number that reads as the same `Float` again, or returns nil for NaN and infinity.
  package init?(_ value: Float) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// The value if the text is an integer that fits; nil for `-0`, `1.0` and `1e0`.
  package var asInt: Int? { integer() }

  /// The value if the text is an integer that fits; nil for `-0`, `1.0` and `1e0`.
  package var asUInt64: UInt64? { integer() }

  /// The nearest `Double`, or nil if it is infinite.
  package var asDouble: Double? {
    guard let value = Double(text), value.isFinite else { return nil }
    return value
  }

  private func integer<T: FixedWidthInteger>() -> T? { text == "-0" ? nil : T(text) }
}

extension JSONNumber: CustomStringConvertible {
  package var description: String { text }
}

extension JSONNumber: ExpressibleByIntegerLiteral {
  package init(integerLiteral value: Int) { self.init(value) }
}
