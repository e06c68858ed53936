/// Parsing of escapes, classes in brackets and repetitions.
extension PatternParser {
  private static let repetitionLimit = 1000

  /// Parses an escape, whose backslash is next.
  mutating func escape(inBracket: Bool) throws(PatternError) -> ScalarSet {
    let start = position
    position += 1
    guard let scalar = next else { throw error("a '\\' at the end") }
    position += 1
    switch scalar {
    case "s": return ScalarSet(.whiteSpace)
    case "S": return ScalarSet(ScalarClasses.whiteSpace.inverted)
    case "d": return ScalarSet(.decimalNumber)
    case "D": return ScalarSet(ScalarClasses.decimalNumber.inverted)
    case "w" where !ignoresCase: return ScalarSet.word
    case "W" where !inBracket && !ignoresCase: return ScalarSet.word.inverted
    case "p", "P": return try property(isInverted: scalar == "P", start: start)
    default:
      position = start
      return try CaseFolding.set(try escapedLiteral(), ignoresCase: ignoresCase, in: self)
    }
  }

  /// Parses an escape that stands for one scalar.
  private mutating func escapedLiteral() throws(PatternError) -> Unicode.Scalar {
    let start = position
    position += 1
    guard let scalar = next else { throw error("a '\\' at the end") }
    position += 1
    switch scalar {
    case "t": return "\t"
    case "n": return "\n"
    case "r": return "\r"
    case "f": return "\u{0C}"
    case "v": return "\u{0B}"
    case "a": return "\u{07}"
    case "e": return "\u{1B}"
    case "x": return try hexadecimal(start: start)
    case "u": return try hexadecimal(digitCount: 4, start: start)
    default:
      guard scalar.isASCII, !CaseFolding.isASCIILetter(scalar), !("0"..."9").contains(scalar) else {
        throw error("the escape '\\\(scalar)'", at: start)
      }
      return scalar
    }
  }

  private mutating func hexadecimal(start: Int) throws(PatternError) -> Unicode.Scalar {
    guard pass("{") else { return try hexadecimal(digitCount: 2, start: start) }
    var digits = ""
    while let scalar = next, scalar != "}", digits.utf8.count < 8 {
      digits.unicodeScalars.append(scalar)
      position += 1
    }
    guard pass("}"), let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value)
    else { throw error("an invalid '\\x{\(digits)}'", at: start) }
    return scalar
  }

  private mutating func hexadecimal(
    digitCount: Int, start: Int
  ) throws(PatternError) -> Unicode.Scalar {
    let end = min(text.count, position + digitCount)
    let digits = String(String.UnicodeScalarView(text[position..<end]))
    guard digits.utf8.count == digitCount, !digits.hasPrefix("+"),
      let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value),
      digitCount == 4 || value < 128
    else { throw error("an invalid hexadecimal escape", at: start) }
    position = end
    return scalar
  }

  /// Parses the name of a property in braces.
  private mutating func property(isInverted: Bool, start: Int) throws(PatternError) -> ScalarSet {
    var isInverted = isInverted
    var name = ""
    if pass("{") {
      if pass("^") { isInverted.toggle() }
      while let scalar = next, scalar != "}", name.utf8.count < 64 {
        name.unicodeScalars.append(scalar)
        position += 1
      }
    }
    guard pass("}"), let classes = ScalarClasses.named(name) else {
      throw error("the property '\(name)'", at: start)
    }
    guard !ignoresCase || !["Lu", "Ll", "Lt"].contains(name) else {
      throw error("the property '\(name)' without regard to case", at: start)
    }
    return ScalarSet(isInverted ? classes.inverted : classes)
  }

  /// Parses a class in brackets, whose bracket is next.
  mutating func bracket() throws(PatternError) -> ScalarSet {
    let start = position
    position += 1
    let isInverted = pass("^")
    var set = ScalarSet()
    var isFirst = true
    while let scalar = next, scalar != "]" || isFirst {
      guard scalar != "[" else { throw error("a '[' inside brackets") }
      guard !pass("&&") else { throw error("'&&' inside brackets", at: position - 2) }
      isFirst = false
      set.formUnion(try bracketMember())
    }
    guard pass("]") else { throw error("brackets without ']'", at: start) }
    return isInverted ? set.inverted : set
  }

  /// Parses a scalar, a range, or an escape inside brackets.
  private mutating func bracketMember() throws(PatternError) -> ScalarSet {
    let start = position
    guard let lower = try bracketScalar() else { return try escape(inBracket: true) }
    var upper = lower
    if next == "-", position + 1 < text.count, text[position + 1] != "]" {
      position += 1
      guard let bound = try bracketScalar(), bound >= lower else {
        throw error("an invalid range in brackets", at: start)
      }
      upper = bound
    }
    var set = ScalarSet()
    set.insert(lower.value...upper.value)
    guard ignoresCase else { return set }
    guard upper.value < 128 else {
      throw error("a range above ASCII without regard to case", at: start)
    }
    CaseFolding.close(&set, over: lower.value...upper.value)
    return set
  }

  /// Parses a scalar or the escape of one; returns nil without moving before the escape of a class.
  private mutating func bracketScalar() throws(PatternError) -> Unicode.Scalar? {
    guard let scalar = next else { throw error("brackets without ']'") }
    guard scalar == "\\" else {
      position += 1
      return scalar
    }
    let classes: [Unicode.Scalar] = ["s", "S", "d", "D", "w", "W", "p", "P"]
    guard position + 1 < text.count, !classes.contains(text[position + 1]) else { return nil }
    return try escapedLiteral()
  }

  /// Parses the repetitions after `node`, which starts at `start`.
  mutating func repeated(_ node: PatternNode, start: Int) throws(PatternError) -> PatternNode {
    var node = node
    while let (minimum, maximum, isInterval) = try repetition() {
      let isSet = if case .set = node { true } else { false }
      guard isSet || maximum == 1 || !node.canBeEmpty else {
        throw error("a repetition of something that can be empty", at: start)
      }
      var greed = PatternNode.Greed.greedy
      if pass("?") {
        greed = .lazy
        guard !isInterval || minimum != maximum else {
          throw error("'{\(minimum)}?'", at: start)
        }
      } else if !isInterval, pass("+") {
        greed = .possessive
      }
      node = .loop(node, minimum: minimum, maximum: maximum, greed)
    }
    return node
  }

  /// Parses `*`, `+`, `?` or an interval in braces. Other braces are literals, and left alone.
  private mutating func repetition() throws(PatternError) -> (Int, Int?, isInterval: Bool)? {
    if pass("*") { return (0, nil, false) }
    if pass("+") { return (1, nil, false) }
    if pass("?") { return (0, 1, false) }
    let start = position
    guard pass("{") else { return nil }
    let lower = digits()
    var upper = lower
    if pass(",") { upper = digits() }
    guard pass("}"), lower != nil || upper != nil else {
      position = start
      return nil
    }
    let minimum = lower.flatMap { Int($0) } ?? (lower == nil ? 0 : Int.max)
    let maximum = upper.map { Int($0) ?? Int.max }
    guard minimum <= Self.repetitionLimit, (maximum ?? 0) <= Self.repetitionLimit,
      maximum == nil || minimum <= maximum ?? 0
    else {
      throw error(
        "a repetition of more than \(Self.repetitionLimit), or less than its start", at: start)
    }
    return (minimum, maximum, true)
  }

  private mutating func digits() -> String? {
    var digits = ""
    while let scalar = next, ("0"..."9").contains(scalar) {
      digits.unicodeScalars.append(scalar)
      position += 1
    }
    return digits.isEmpty ? nil : digits
  }
}
