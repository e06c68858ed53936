/// A JSON number as it is written: nothing is rounded before it is asked for.
///
/// Equal if written alike: `1` and `1.0` differ.
package struct JSONNumber: Equatable, Sendable {
  package let text: String

  /// Takes text that is a number by the grammar.
  init(valid text: String) { self.text = text }

  /// The number written as `text`, or nil if RFC 8259 has no such number.
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

  /// The shortest text that reads as `value` again; nil for NaN and infinity.
  package init?(_ value: Double) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// The shortest text that reads as `value` again when read as `Float`; nil for NaN and infinity.
  package init?(_ value: Float) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// The value if the text is an integer that fits; `-0`, `1.0` and `1e0` are not.
  package var asInt: Int? { integer() }

  /// The value if the text is an integer that fits; `-0`, `1.0` and `1e0` are not.
  package var asUInt64: UInt64? { integer() }

  /// The nearest `Double`; nil if that is infinite.
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
