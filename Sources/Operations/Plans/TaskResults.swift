import Base
import Checkpoints

extension InputIdentity {
  var json: JSONValue {
    .object([
      "hash": .string(hash), "bytes": JSONValue(byteCount), "covers": .string(coverage.rawValue),
    ])
  }

  init?(_ json: JSONValue) {
    guard let hash = json["hash"]?.asString, let byteCount = json["bytes"]?.asInt,
      let coverage = json["covers"]?.asString.flatMap(Coverage.init)
    else { return nil }
    self.init(hash: hash, byteCount: byteCount, coverage: coverage)
  }
}

extension [UInt64] {
  /// Sixteen digits for each number.
  var hexadecimal: String {
    flatMap { number in
      (0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }.hexadecimal
  }

  /// Creates the numbers of a text; nil if it is not hexadecimal or has another length.
  init?(hexadecimal text: String) {
    let digits = [UInt8](text.utf8)
    guard digits.count % 16 == 0 else { return nil }
    self = []
    reserveCapacity(digits.count / 16)
    for start in stride(from: 0, to: digits.count, by: 16) {
      let part = String(decoding: digits[start..<start + 16], as: UTF8.self)
      guard part.utf8.first != UInt8(ascii: "+"), let number = UInt64(part, radix: 16) else {
        return nil
      }
      append(number)
    }
  }
}
