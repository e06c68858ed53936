/// A number of bytes with a readable text form.
package struct ByteSize: Hashable, Sendable {
  package var byteCount: Int

  package init(_ byteCount: Int) { self.byteCount = byteCount }

  /// Parses `4GiB`, `500MB`, `64K` (binary), `1.5 GiB` or a plain number of bytes.
  package init?(_ text: String) {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    guard let number = Double(digits), number.isFinite, let factor = Self.factor(of: unit) else {
      return nil
    }
    let bytes = (number * factor).rounded()
    guard bytes < Double(1 << 62), let byteCount = Int(exactly: bytes) else { return nil }
    self.byteCount = byteCount
  }

  private static func factor(of unit: Substring) -> Double? {
    guard unit != "", unit != "B" else { return 1 }
    guard let prefix = unit.first,
      let power = "KMGTP".firstIndex(of: Character(prefix.uppercased()))
    else { return nil }
    let exponent = "KMGTP".distance(from: "KMGTP".startIndex, to: power) + 1
    let base: Double
    switch unit.dropFirst() {
    case "", "iB", "ib", "i": base = 1024
    case "B", "b": base = 1000
    default: return nil
    }
    return (0..<exponent).reduce(1) { product, _ in product * base }
  }
}

extension ByteSize: CustomStringConvertible {
  /// The size in binary units with three digits: `944 B`, `1.89 MiB`, `21.7 GiB`.
  package var description: String {
    guard byteCount >= 1024 else { return "\(byteCount) B" }
    var value = Double(byteCount)
    var unit = 0
    while value >= 999.5, unit < 5 {
      value /= 1024
      unit += 1
    }
    return "\(value.formatted(digits: 3)) \(["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit])"
  }
}

extension Double {
  /// Returns the number rounded to that many significant digits, without an exponent. Numbers below 1 keep
  /// `digits - 1` decimals.
  package func formatted(digits: Int) -> String {
    var decimals = digits - 1
    var limit = 10.0
    while decimals > 0, magnitude >= limit {
      decimals -= 1
      limit *= 10
    }
    return fixed(decimals: decimals)
  }

  /// Returns the number with exactly that many decimals; halves are rounded to even digits.
  package func fixed(decimals: Int) -> String {
    let scale = (0..<decimals).reduce(1) { product, _ in product * 10 }
    guard magnitude < 1e15,
      let units = Int(exactly: (magnitude * Double(scale)).rounded(.toNearestOrEven))
    else { return description }
    let sign = self < 0 && units != 0 ? "-" : ""
    guard decimals > 0 else { return sign + String(units) }
    let whole = units / scale
    let fraction = String(units % scale)
    return sign + "\(whole)." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}

extension Int {
  /// Returns the number followed by the counted noun: `1 tensor`, `2 tensors`.
  package func counted(_ noun: String) -> String { "\(grouped) \(noun)\(self == 1 ? "" : "s")" }

  /// The number with commas between groups of three digits.
  package var grouped: String {
    var digits = String(magnitude)
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return (self < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
  }
}
