/// A JSON object as one line whose last member is the XXH64 of what precedes it.
package enum ChecksummedLine {
  private static let sumStart = ",\"sum\":\""
  private static let sumByteCount = sumStart.utf8.count + 16 + 2

  /// Returns the line of an object, which must not be empty.
  package static func text(of object: JSONObject) -> String {
    let text = String(JSONValue.object(object).serialized().dropLast())
    return text + sumStart + XXH64.digits(of: Array(text.utf8)) + "\"}"
  }

  /// Returns the object of a line; nil if the line is damaged.
  package static func value(of line: [UInt8]) -> JSONValue? {
    guard line.count > sumByteCount else { return nil }
    let text = Array(line.dropLast(sumByteCount))
    let end = sumStart + XXH64.digits(of: text) + "\"}"
    guard line.suffix(sumByteCount).elementsEqual(end.utf8) else { return nil }
    return try? JSONValue.parse(line.span)
  }
}
