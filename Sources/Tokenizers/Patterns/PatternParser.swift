/// A parser of the regular expressions that tokenizers use, in the syntax of Oniguruma for Ruby, which the tokenizers
/// library uses.
///
/// It knows literals, escapes, classes in brackets with ranges and properties, `.`, groups, `(?:…)`, `(?i:…)`,
/// `(?>…)`, `(?=…)`, `(?!…)`, alternatives, the anchors `^ $ \A \z`, and greedy, lazy and possessive repetitions.
/// Every other construct is an error that quotes it.
struct PatternParser {
  private static let depthLimit = 64

  let text: [Unicode.Scalar]
  var position = 0
  /// True inside `(?i…)`.
  var ignoresCase = false
  private var depth = 0

  private init(_ text: String) { self.text = Array(text.unicodeScalars) }

  /// - Throws: ``PatternError``
  static func parse(_ text: String) throws(PatternError) -> PatternNode {
    var parser = PatternParser(text)
    if parser.pass("(?i)") { parser.ignoresCase = true }
    let node = try parser.choice()
    guard parser.position == parser.text.count else { throw parser.error("unmatched ')'") }
    return node
  }

  func error(_ reason: String, at offset: Int? = nil) -> PatternError {
    PatternError(reason: reason, scalarOffset: offset ?? position)
  }

  var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

  /// Moves past `expected` and returns true if it is next.
  mutating func pass(_ expected: String) -> Bool {
    let scalars = Array(expected.unicodeScalars)
    guard position + scalars.count <= text.count,
      text[position..<position + scalars.count].elementsEqual(scalars)
    else { return false }
    position += scalars.count
    return true
  }

  private mutating func choice() throws(PatternError) -> PatternNode {
    let outerCase = ignoresCase
    defer { ignoresCase = outerCase }
    var alternatives = [try sequence()]
    while pass("|") { alternatives.append(try sequence()) }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }

  private mutating func sequence() throws(PatternError) -> PatternNode {
    var nodes: [PatternNode] = []
    var previousLiteral: Unicode.Scalar?
    while let scalar = next, scalar != "|", scalar != ")" {
      let start = position
      var node = try atom()
      let literal = position == start + 1 && CaseFolding.isASCIILetter(scalar) ? scalar : nil
      if ignoresCase, let previousLiteral, let literal {
        try checkSingleFold(previousLiteral, literal)
      }
      previousLiteral = ignoresCase ? literal : nil
      node = try repeated(node, start: start)
      nodes.append(node)
    }
    return nodes.count == 1 ? nodes[0] : .sequence(nodes)
  }

  /// Two letters that one ligature or sharp s also matches, without regard to case, are not supported.
  private func checkSingleFold(_ a: Unicode.Scalar, _ b: Unicode.Scalar) throws(PatternError) {
    let pair = "\(a)\(b)".lowercased()
    guard !["ss", "st", "ff", "fi", "fl"].contains(pair) else {
      throw error("'\(pair)' without regard to case, which ligatures match too,")
    }
  }

  private mutating func atom() throws(PatternError) -> PatternNode {
    let start = position
    guard let scalar = next else { throw error("the end of the pattern") }
    position += 1
    switch scalar {
    case "(": return try group(start: start)
    case "[":
      position = start
      return .set(try bracket())
    case ".": return .set(ScalarSet(0x0A).inverted)
    case "^": return .lineStart
    case "$": return .lineEnd
    case "*", "+", "?": throw error("'\(scalar)' without anything before it", at: start)
    case "\\":
      position = start
      if pass("\\A") { return .textStart }
      if pass("\\z") { return .textEnd }
      return .set(try escape(inBracket: false))
    default: return .set(try CaseFolding.set(scalar, ignoresCase: ignoresCase, in: self))
    }
  }

  private mutating func group(start: Int) throws(PatternError) -> PatternNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw error("more than \(Self.depthLimit) nested groups", at: start)
    }
    let outerCase = ignoresCase
    defer { ignoresCase = outerCase }
    var wrap: (PatternNode) -> PatternNode = { $0 }
    if !pass("?") || pass(":") {
      // Groups are not captured.
    } else if pass("i:") {
      ignoresCase = true
    } else if pass("-i:") {
      ignoresCase = false
    } else if pass(">") {
      wrap = { .atomic($0) }
    } else if pass("=") {
      wrap = { .lookahead($0, isNegative: false) }
    } else if pass("!") {
      wrap = { .lookahead($0, isNegative: true) }
    } else {
      let quoted = String(String.UnicodeScalarView(text[start..<min(text.count, start + 4)]))
      throw error("the group '\(quoted)…'", at: start)
    }
    let node = try choice()
    guard pass(")") else { throw error("a group without ')'", at: start) }
    return wrap(node)
  }
}
