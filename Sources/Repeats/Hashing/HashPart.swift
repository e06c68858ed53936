package import Base

/// A part of all hashes: those whose upper half has the remainder `number` when it is divided by `count`.
package struct HashPart: Sendable {
  var number: UInt64
  var count: UInt64

  /// The largest number of parts that hashes are divided into.
  private static let maximumCount: UInt64 = 1 << 30

  /// Returns the parts that all hashes are divided into; a single one if `count` is less than 2.
  package static func parts(_ count: Int) -> [HashPart] {
    (0..<UInt64(max(1, count))).map { HashPart(number: $0, count: UInt64(max(1, count))) }
  }

  package func contains(_ hash: UInt64) -> Bool { (hash >> 32) % count == number }

  /// Returns parts that have the hashes of this one.
  /// - Throws: ``UsageError`` if there would be too many.
  package func divided(into parts: UInt64 = 2) throws(UsageError) -> [HashPart] {
    let (total, overflows) = count.multipliedReportingOverflow(by: parts)
    guard !overflows, total <= Self.maximumCount else {
      throw UsageError(
        "\(setting: "memory") is too little for the hashes of the inputs",
        hint: "pass a larger \(setting: "memory")")
    }
    return (0..<parts).map { HashPart(number: number + $0 * count, count: total) }
  }
}
