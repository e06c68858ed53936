extension XXH64 {
  /// Returns the XXH64 of bytes as sixteen hexadecimal digits.
  package static func digits(of bytes: [UInt8]) -> String {
    let hash = hash(bytes.rawSpan)
    return (0..<8).reversed().map { UInt8(truncatingIfNeeded: hash >> (8 * $0)) }.hexadecimal
  }
}
