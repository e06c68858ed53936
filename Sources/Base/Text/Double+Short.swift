extension Double {
  /// The number with four significant digits, and an exponent if it is very large or small.
  package var short: String {
    guard isFinite, self != 0 else { return self == 0 ? "0" : "\(self)" }
    guard magnitude >= 1e-3, magnitude < 1e6 else { return scientific }
    let digits = magnitude >= 1 ? formatted(digits: 5) : fixed(decimals: magnitude >= 0.1 ? 4 : 6)
    return digits
  }

  private var scientific: String {
    var exponent = 0
    var value = magnitude
    while value >= 10 {
      value /= 10
      exponent += 1
    }
    while value < 1 {
      value *= 10
      exponent -= 1
    }
    // Rounding may carry into the next power of ten.
    if value.fixed(decimals: 3) == "10.000" { (value, exponent) = (1, exponent + 1) }
    return "\(self < 0 ? "-" : "")\(value.fixed(decimals: 3))e\(exponent)"
  }
}
