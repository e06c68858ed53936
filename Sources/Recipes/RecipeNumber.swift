/// The number that a plain scalar represents.
struct RecipeNumber {
  let content: RecipeValue.Content

  /// Parses a number, or returns nil if the text is not a number of YAML 1.1 or of the core schema of YAML 1.2.
  init?(_ text: String) {
    var body = text.utf8[...]
    let isNegative = body.first == UInt8(ascii: "-")
    if isNegative || body.first == UInt8(ascii: "+") { body.removeFirst() }
    guard let first = body.first, Self.isDigit(first) || first == UInt8(ascii: ".") else {
      return nil
    }
    if let radix = Self.radix(of: body) {
      guard let content = Self.whole(body.dropFirst(2), radix: radix, isNegative) else {
        return nil
      }
      self.content = content
    } else if first == UInt8(ascii: "0"),
      let octal = Self.whole(body.dropFirst(), radix: 8, isNegative)
    {
      content = octal
    } else if body.contains(UInt8(ascii: ":")) {
      guard let content = Self.sexagesimal(body, isNegative) else { return nil }
      self.content = content
    } else {
      guard let content = Self.decimal(body, isNegative) else { return nil }
      self.content = content
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
  }

  private static func isDigitOrLine(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "_")
  }

  private static func radix(of body: Substring.UTF8View) -> Int? {
    guard body.count >= 2, body.first == UInt8(ascii: "0") else { return nil }
    return switch body.dropFirst().first {
    case UInt8(ascii: "x"): 16
    case UInt8(ascii: "o"): 8
    case UInt8(ascii: "b"): 2
    default: nil
    }
  }

  /// Parses digits of a radix with `_` between them: an integer, or the nearest float if it needs more than 64 bits.
  private static func whole(
    _ body: Substring.UTF8View, radix: Int, _ isNegative: Bool
  ) -> RecipeValue.Content? {
    var digits = isNegative ? "-" : ""
    var value = 0.0
    for byte in body where byte != UInt8(ascii: "_") {
      let character = Character(Unicode.Scalar(byte))
      guard let digit = character.hexDigitValue, digit < radix else { return nil }
      digits.append(character)
      value = value * Double(radix) + Double(digit)
    }
    guard digits.utf8.last.map({ $0 != UInt8(ascii: "-") }) ?? false else { return nil }
    return Int(digits, radix: radix).map { .integer($0) } ?? .number(isNegative ? -value : value)
  }

  /// Parses digits with `_` between them, followed by an optional fraction and an optional exponent.
  private static func decimal(
    _ body: Substring.UTF8View, _ isNegative: Bool
  ) -> RecipeValue.Content? {
    let whole = body.prefix(while: isDigitOrLine)
    var rest = body.dropFirst(whole.count)
    var isWhole = true
    if rest.first == UInt8(ascii: ".") {
      let fraction = rest.dropFirst().prefix(while: isDigitOrLine)
      if whole.isEmpty, !(fraction.first.map(isDigit) ?? false) { return nil }
      rest = rest.dropFirst(1 + fraction.count)
      isWhole = false
    }
    if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
        rest = rest.dropFirst()
      }
      let exponent = rest.prefix(while: isDigit)
      guard !exponent.isEmpty else { return nil }
      rest = rest.dropFirst(exponent.count)
      isWhole = false
    }
    guard rest.isEmpty else { return nil }
    let digits = (isNegative ? "-" : "") + String(Substring(body)).filter { $0 != "_" }
    if isWhole, let value = Int(digits) { return .integer(value) }
    return Double(digits).map { .number($0) }
  }

  /// Parses a number in base 60, such as `190:20:30`; the last part may have a fraction. Whole numbers do not begin
  /// with 0.
  private static func sexagesimal(
    _ body: Substring.UTF8View, _ isNegative: Bool
  ) -> RecipeValue.Content? {
    let parts = body.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    let hasFraction = body.contains(UInt8(ascii: "."))
    guard hasFraction || body.first != UInt8(ascii: "0") else { return nil }
    var value = 0.0
    for (index, part) in parts.enumerated() {
      let digits = part.prefix(while: isDigitOrLine)
      let isLast = index == parts.count - 1
      guard digits.first.map(isDigit) ?? false else { return nil }
      if index > 0 {
        guard digits.count <= 2, let whole = Int(Substring(digits)), whole < 60 else { return nil }
      }
      let rest = part.dropFirst(digits.count)
      guard rest.isEmpty || (isLast && rest.first == UInt8(ascii: ".")),
        rest.dropFirst().allSatisfy(isDigitOrLine),
        let number = Double(String(Substring(part)).filter { $0 != "_" })
      else { return nil }
      value = value * 60 + number
    }
    if isNegative { value.negate() }
    let exact = 0x1p53
    guard !hasFraction, abs(value) < exact else { return .number(value) }
    return .integer(Int(value))  // fits: below 2^53
  }
}
