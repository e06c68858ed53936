import Base

/// A row of the table of tensors.
enum TensorRow {
  static let columns = [
    Page.Column("tensor", .name), Page.Column("dtype", .text), Page.Column("shape", .text),
    Page.Column("values", .count), Page.Column("bytes", .bytes, "Size of the decoded values"),
    Page.Column("stored", .bytes, "Size in the file"),
    Page.Column("bits", .number, "Stored bits per value"), Page.Column("codec", .text),
    Page.Column("error", .share, "Relative error of the stored values"),
    Page.Column("zeros", .share), Page.Column("PQI", .number, "PQ Index"),
    Page.Column("norm", .number, "L2 norm"), Page.Column("mean", .number),
    Page.Column("deviation", .number), Page.Column("max |w|", .number),
    Page.Column("magnitudes", .histogram, "Numbers of values by powers of two"),
    Page.Column("terms", .text, "Terms with their bytes, and the relative error after each"),
  ]

  static func cells(_ tensor: JSONValue, terms: [JSONValue]) -> [JSONValue] {
    func text(_ key: String) -> JSONValue { .string((tensor[key]?.asString ?? "").printable) }
    func number(_ key: String) -> JSONValue { short(tensor[key]) }
    let shape = (tensor["shape"]?.asArray ?? []).compactMap(\.asInt).map(String.init)
    let alias = tensor["alias_of"]?.asString.map { JSONValue.string("= \($0.printable)") }
    return [
      text("name"), text("dtype"), .string(shape.joined(separator: " × ")),
      tensor["value_count"] ?? .null, tensor["bytes"] ?? .null, tensor["stored_bytes"] ?? .null,
      bits(tensor), alias ?? text("codec"), number("relative_error"), number("zero_share"),
      number("pqi"), number("l2"), number("mean"), number("standard_deviation"),
      number("max_abs"), histogram(tensor),
      terms.isEmpty ? .null : .string(terms.map(Self.text).joined(separator: "; ")),
    ]
  }

  private static func bits(_ tensor: JSONValue) -> JSONValue {
    guard let stored = tensor["stored_bytes"]?.asInt, let count = tensor["value_count"]?.asInt,
      count > 0, tensor["alias_of"]?.asString == nil
    else { return .null }
    return short(JSONValue(8 * Double(stored) / Double(count)))
  }

  private static func text(_ term: JSONValue) -> String {
    let bytes = term["bytes"]?.asInt.map { ByteSize($0).description } ?? "?"
    let error = term["relative_error"]?.asDouble.map { ", error \((100 * $0).short) %" } ?? ""
    return "\((term["term"]?.asString ?? "?").printable) (\(bytes)\(error))"
  }

  /// Returns a number with the digits of a float32; text such as `Infinity` stays.
  static func short(_ value: JSONValue?) -> JSONValue {
    guard let value, let number = value.asDouble else { return value ?? .null }
    return JSONNumber(Float(number)).map(JSONValue.number) ?? value
  }

  /// Returns the exponent of the lowest bar and, for each power of two, its height from 0 to 35 in base 36.
  static func histogram(_ tensor: JSONValue) -> JSONValue {
    guard let lowest = tensor["octave_lowest"]?.asInt,
      let counts = tensor["octave_counts"]?.asArray?.compactMap(\.asInt), let most = counts.max(),
      most > 0
    else { return .null }
    // Small numbers of values at the lower end would make the bars too narrow to see.
    let shown = counts.suffix(24)
    let bars = shown.map { count -> Int in
      guard count > 0 else { return 0 }
      let height = (35 * Double(count) / Double(most)).rounded()
      return max(1, Int(height))  // fits: from 0 to 35
    }
    return .string(
      "\(lowest + counts.count - shown.count):"
        + bars.map { String($0, radix: 36) }.joined())
  }
}
