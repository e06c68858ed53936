/// Parses the text of a ``NamePattern``.
struct NamePatternParser {
  private static let depthLimit = 64

  private let scalars: [Unicode.Scalar]
  private var offset = 0
  private var depth = 0

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  mutating func parse() throws(NamePattern.Fault) -> NamePatternNode {
    guard scalars.count <= NamePattern.lengthLimit else {
      throw fault(
        "a pattern of more than \(NamePattern.lengthLimit) characters is not supported", at: 0)
    }
    let node = try choice()
    guard offset == scalars.count else { throw fault("a ')' has no '('", at: offset) }
    return node
  }

  private func fault(_ reason: String, at offset: Int) -> NamePattern.Fault {
    NamePattern.Fault(reason: reason, offset: offset)
  }

  private var next: Unicode.Scalar? { offset < scalars.count ? scalars[offset] : nil }

  /// Skips `text` if it is next.
  private mutating func skip(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[offset...].starts(with: wanted) else { return false }
    offset += wanted.count
    return true
  }

  // MARK: Structure

  /// Parses alternatives up to the end, or up to a `)` that closes them.
  private mutating func choice() throws(NamePattern.Fault) -> NamePatternNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw fault("more than \(Self.depthLimit) nested groups are not supported", at: offset)
    }
    var branches: [NamePatternNode] = []
    repeat { branches.append(try sequence()) } while skip("|")
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws(NamePattern.Fault) -> NamePatternNode {
    var nodes: [NamePatternNode] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      let start = offset
      nodes.append(try quantified(try atom(), at: start))
    }
    return .sequence(nodes)
  }

  private mutating func atom() throws(NamePattern.Fault) -> NamePatternNode {
    let start = offset
    let scalar = scalars[start]
    offset += 1
    switch scalar {
    case ".": return .item(.any)
    case "^": return .start
    case "$": return .end
    case "(": return try group(at: start)
    case "[": return .item(try bracket(at: start))
    case "\\": return try escape(at: start)
    case "*", "+", "?": throw fault("'\(scalar)' has nothing to repeat", at: start)
    default: return .item(.scalar(scalar))
    }
  }

  private mutating func group(at start: Int) throws(NamePattern.Fault) -> NamePatternNode {
    if skip("?") {
      if skip("P<") {
        while let scalar = next, scalar != ">" { offset += 1 }
        guard skip(">") else { throw fault("a group's name has no '>'", at: start) }
      } else if !skip(":") {
        throw fault("\(feature()) is not supported", at: start)
      }
    }
    let node = try choice()
    guard skip(")") else { throw fault("a '(' has no ')'", at: start) }
    return node
  }

  /// The name of the feature that starts with `(?`.
  private mutating func feature() -> String {
    if skip("=") || skip("!") { return "a lookahead" }
    if skip("<=") || skip("<!") { return "a lookbehind" }
    if skip("P=") { return "a back reference" }
    if skip(">") { return "an atomic group" }
    if skip("#") { return "a comment" }
    if skip("(") { return "a conditional group" }
    return "an inline flag"
  }

  // MARK: Quantifiers

  private mutating func quantified(
    _ node: NamePatternNode, at start: Int
  ) throws(NamePattern.Fault) -> NamePatternNode {
    guard let (minimum, maximum) = try quantifier() else { return node }
    // Whether a quantifier is lazy does not change what a whole subject matches.
    if !skip("?"), next == "+" {
      throw fault("a possessive quantifier is not supported", at: offset)
    }
    let position = offset
    if try quantifier() != nil { throw fault("a quantifier follows another", at: position) }
    return .repeated(node, minimum: minimum, maximum: maximum)
  }

  /// Parses a quantifier; returns nil, at the same position, if there is none.
  private mutating func quantifier() throws(NamePattern.Fault) -> (minimum: Int, maximum: Int?)? {
    if skip("*") { return (0, nil) }
    if skip("+") { return (1, nil) }
    if skip("?") { return (0, 1) }
    let start = offset
    guard skip("{") else { return nil }
    let minimum = try number()
    var maximum = minimum
    let hasComma = skip(",")
    if hasComma { maximum = try number() }
    guard skip("}"), minimum != nil || hasComma else {
      // As in Python, any other brace is a literal.
      offset = start
      return nil
    }
    if let minimum, let maximum, minimum > maximum {
      throw fault("a repetition's minimum is larger than its maximum", at: start)
    }
    return (minimum ?? 0, maximum)
  }

  private mutating func number() throws(NamePattern.Fault) -> Int? {
    let start = offset
    var value: Int?
    while let scalar = next, ("0"..."9").contains(scalar) {
      value = 10 * (value ?? 0) + Int(scalar.value - 0x30)
      offset += 1
      guard let value, value <= NamePattern.instructionLimit else {
        throw fault(
          "more than \(NamePattern.instructionLimit) repetitions are not supported", at: start)
      }
    }
    return value
  }

  // MARK: Scalars

  private mutating func escape(at start: Int) throws(NamePattern.Fault) -> NamePatternNode {
    if skip("A") { return .start }
    if skip("Z") { return .end }
    if next == "b" || next == "B" { throw fault("a word boundary is not supported", at: start) }
    if let scalar = next, ("0"..."9").contains(scalar) {
      throw fault("a back reference is not supported", at: start)
    }
    switch try escaped(at: start) {
    case .range(let range): return .item(.scalar(range.lowerBound))
    case .kind(let kind, let isNegated):
      return .item(.set([.kind(kind, isNegated: isNegated)], isNegated: false))
    }
  }

  /// Parses what follows a backslash, outside and inside of brackets.
  private mutating func escaped(at start: Int) throws(NamePattern.Fault) -> NamePatternItem.Member {
    guard let scalar = next else { throw fault("a '\\' has nothing to escape", at: start) }
    offset += 1
    switch scalar {
    case "d": return .kind(.digit, isNegated: false)
    case "D": return .kind(.digit, isNegated: true)
    case "w": return .kind(.word, isNegated: false)
    case "W": return .kind(.word, isNegated: true)
    case "s": return .kind(.space, isNegated: false)
    case "S": return .kind(.space, isNegated: true)
    case "n": return .range("\n"..."\n")
    case "t": return .range("\t"..."\t")
    case "r": return .range("\r"..."\r")
    case "0"..."9", "a"..."z", "A"..."Z":
      throw fault("the escape '\\\(scalar)' is not supported", at: start)
    default: return .range(scalar...scalar)
    }
  }

  /// Parses a class in brackets, after its `[`.
  private mutating func bracket(at start: Int) throws(NamePattern.Fault) -> NamePatternItem {
    let isNegated = skip("^")
    var members: [NamePatternItem.Member] = []
    // The first `]` is a literal.
    while next != "]" || members.isEmpty {
      let member = try bracketMember(at: start)
      guard next == "-", offset + 1 < scalars.count, scalars[offset + 1] != "]" else {
        members.append(member)
        continue
      }
      let position = offset
      offset += 1
      guard case .range(let low) = member, case .range(let high) = try bracketMember(at: start),
        low.lowerBound <= high.lowerBound
      else { throw fault("a range of characters is not valid", at: position) }
      members.append(.range(low.lowerBound...high.lowerBound))
    }
    offset += 1
    return .set(members, isNegated: isNegated)
  }

  private mutating func bracketMember(at start: Int) throws(NamePattern.Fault)
    -> NamePatternItem.Member
  {
    guard let scalar = next else { throw fault("a '[' has no ']'", at: start) }
    offset += 1
    return scalar == "\\" ? try escaped(at: start) : .range(scalar...scalar)
  }
}
