/// A CBOR item, in the subset that `CBORReader` accepts, as a tree.
///
/// Two values are equal if their encodings are: strings compare as bytes, −0 and 0 differ, NaN equals NaN.
package enum CBORValue: Sendable {
  case unsigned(UInt64)
  /// The integer −1 − *n*, where *n* is the associated value; the minimum is −2⁶⁴.
  case negative(UInt64)
  case bytes([UInt8])
  case text(String)
  case array([CBORValue])
  case map(CBORMap)
  case bool(Bool)
  case null
  case float(Double)

  /// Creates an `unsigned` or `negative` item from an integer.
  package init(_ value: Int) {
    self = value < 0 ? .negative(UInt64(-1 - value)) : .unsigned(UInt64(value))
  }

  package var kind: CBORKind {
    switch self {
    case .unsigned: .unsigned
    case .negative: .negative
    case .bytes: .bytes
    case .text: .text
    case .array: .array
    case .map: .map
    case .bool: .bool
    case .null: .null
    case .float: .float
    }
  }

  /// The integer, if the item is one of either sign and fits in an `Int`.
  package var asInt: Int? {
    switch self {
    case .unsigned(let value): Int(exactly: value)
    case .negative(let value): Int(exactly: value).map { -1 - $0 }
    case .bytes, .text, .array, .map, .bool, .null, .float: nil
    }
  }

  package var asUInt64: UInt64? { if case .unsigned(let value) = self { value } else { nil } }
  package var asBytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
  package var asText: String? { if case .text(let value) = self { value } else { nil } }
  package var asArray: [CBORValue]? { if case .array(let value) = self { value } else { nil } }
  package var asMap: CBORMap? { if case .map(let value) = self { value } else { nil } }
  package var asBool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var asFloat: Double? { if case .float(let value) = self { value } else { nil } }

  /// The deterministic encoding. Traps if the nesting is deeper than `CBORReader.depthLimit`.
  package var encoded: [UInt8] {
    var writer = CBORWriter()
    writer.value(self)
    return writer.bytes
  }
}

extension CBORValue: Equatable {
  package static func == (left: CBORValue, right: CBORValue) -> Bool {
    switch (left, right) {
    case (.unsigned(let left), .unsigned(let right)): left == right
    case (.negative(let left), .negative(let right)): left == right
    case (.bytes(let left), .bytes(let right)): left == right
    case (.text(let left), .text(let right)): left.utf8.elementsEqual(right.utf8)
    case (.array(let left), .array(let right)): left == right
    case (.map(let left), .map(let right)): left == right
    case (.bool(let left), .bool(let right)): left == right
    case (.null, .null): true
    case (.float(let left), .float(let right)):
      left.bitPattern == right.bitPattern || left.isNaN && right.isNaN
    case (.unsigned, _), (.negative, _), (.bytes, _), (.text, _), (.array, _), (.map, _),
      (.bool, _), (.null, _), (.float, _):
      false
    }
  }
}

extension CBORValue: ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(integerLiteral value: Int) { self.init(value) }
  package init(floatLiteral value: Double) { self = .float(value) }
  package init(stringLiteral value: String) { self = .text(value) }
  package init(arrayLiteral elements: CBORValue...) { self = .array(elements) }

  /// Traps if a key occurs twice.
  package init(dictionaryLiteral elements: (String, CBORValue)...) {
    var map = CBORMap()
    for (key, value) in elements {
      precondition(map[key] == nil, "duplicate key")
      map[key] = value
    }
    self = .map(map)
  }
}

extension CBORValue {
  /// Parses an item as strictly as `CBORReader` does.
  package static func parse(
    _ bytes: borrowing RawSpan, itemLimit: Int = CBORReader.defaultItemLimit
  ) throws(CBORError) -> CBORValue {
    try parse(Span(_bytes: copy bytes), itemLimit: itemLimit)
  }

  package static func parse(
    _ bytes: borrowing Span<UInt8>, itemLimit: Int = CBORReader.defaultItemLimit
  ) throws(CBORError) -> CBORValue {
    var reader = CBORReader(bytes, itemLimit: itemLimit)
    let value = try reader.readValue()
    try reader.finish()
    return value
  }
}

extension CBORReader {
  /// Reads the next item as a tree.
  @_lifetime(self: copy self)
  package mutating func readValue() throws(CBORError) -> CBORValue {
    switch try peekKind() {
    case .unsigned: return .unsigned(try readUInt())
    case .negative: return .negative(try readNegative())
    case .bytes: return .bytes(try readBytes())
    case .text: return .text(try readText())
    case .bool: return .bool(try readBool())
    case .float: return .float(try readFloat())
    case .null:
      try readNull()
      return .null
    case .array:
      var elements: [CBORValue] = []
      _ = try enterArray()
      while nextElement() { elements.append(try readValue()) }
      return .array(elements)
    case .map:
      var map = CBORMap()
      _ = try enterMap()
      while let key = try nextKey() { map[key] = try readValue() }
      return .map(map)
    }
  }
}
