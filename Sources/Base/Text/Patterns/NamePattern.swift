/// A regular expression that is matched in linear time, in the syntax and with the meaning of Python's `re`.
///
/// It supports literals, `.`, classes, groups, alternation, the quantifiers `*`, `+`, `?`, `{m}`, `{m,}` and
/// `{m,n}`, the anchors `^`, `$`, `\A` and `\Z`, and the escapes `\d`, `\w`, `\s` and their complements. Everything
/// else, such as lookaround and back references, is refused by name.
///
/// Source: Thompson, "Regular Expression Search Algorithm", CACM 1968: all states of the automaton advance together.
package struct NamePattern: Sendable {
  /// A text to match, divided into Unicode scalars once for all patterns.
  package struct Subject: Sendable {
    let scalars: [Unicode.Scalar]

    package init(_ text: String) { scalars = Array(text.unicodeScalars) }
  }

  /// The reason for which a text is not a supported pattern.
  package struct Fault: Error, Equatable {
    /// The problem, such as "a lookahead is not supported".
    package let reason: String
    /// The position of the problem, counted in Unicode scalars from 0.
    package let offset: Int
  }

  /// The maximum number of Unicode scalars in a pattern.
  package static let lengthLimit = 1024
  /// The maximum number of instructions of a pattern, after counted repetitions are written out.
  package static let instructionLimit = 4096

  package let text: String
  private let program: NamePatternProgram
  /// The items of a pattern that is only a sequence of items for one scalar each; nil for other patterns.
  private let sequence: [NamePatternItem]?

  /// - Throws: ``Fault`` if the text is not a pattern or uses a feature that is not supported.
  package init(_ text: String) throws(Fault) {
    self.text = text
    var parser = NamePatternParser(text)
    let node = try parser.parse()
    program = try NamePatternProgram(node)
    sequence = node.sequenceOfItems
  }

  /// An upper bound of the steps that matching needs for each scalar of the subject.
  package var stepsPerScalar: Int { sequence == nil ? program.instructions.count : 1 }

  /// Returns true if the pattern matches the whole subject.
  /// - Complexity: O(*n* · *m*) for *n* scalars and *m* instructions.
  package func matches(_ subject: Subject) -> Bool {
    if let sequence {
      return subject.scalars.count == sequence.count && endsWith(sequence, subject)
    }
    return program.matches(subject.scalars) { _ in false }
  }

  /// Returns true if the pattern matches the whole subject, or the part after one of its dots.
  ///
  /// This is the meaning of `(.*\.)?(PATTERN)$`, except that `^` is true only at the start of the subject.
  /// - Complexity: O(*n* · *m*) for *n* scalars and *m* instructions.
  package func matchesEnd(of subject: Subject) -> Bool {
    if let sequence {
      let start = subject.scalars.count - sequence.count
      guard start >= 0, start == 0 || subject.scalars[start - 1] == "." else { return false }
      return endsWith(sequence, subject)
    }
    return program.matches(subject.scalars) { $0 == "." }
  }

  private func endsWith(_ items: [NamePatternItem], _ subject: Subject) -> Bool {
    var index = subject.scalars.count
    for item in items.reversed() {
      index -= 1
      guard item.contains(subject.scalars[index]) else { return false }
    }
    return true
  }
}

/// An item of a pattern that matches one Unicode scalar.
enum NamePatternItem: Sendable {
  /// Any scalar except a line feed.
  case any
  case scalar(Unicode.Scalar)
  case set([Member], isNegated: Bool)

  /// A member of a class in brackets, or an escape such as `\d`.
  enum Member: Sendable {
    case range(ClosedRange<Unicode.Scalar>)
    case kind(Kind, isNegated: Bool)
  }

  /// A named class of scalars.
  enum Kind: Sendable {
    case digit, word, space

    func contains(_ scalar: Unicode.Scalar) -> Bool {
      let properties = scalar.properties
      return switch self {
      case .digit: properties.numericType == .decimal
      case .word: scalar == "_" || properties.isAlphabetic || properties.numericType != nil
      case .space: properties.isWhitespace
      }
    }
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    switch self {
    case .any: return scalar != "\n"
    case .scalar(let wanted): return scalar == wanted
    case .set(let members, let isNegated):
      let isMember = members.contains { member in
        switch member {
        case .range(let range): range.contains(scalar)
        case .kind(let kind, let isNegated): kind.contains(scalar) != isNegated
        }
      }
      return isMember != isNegated
    }
  }
}

/// A part of a parsed pattern.
indirect enum NamePatternNode: Sendable {
  case item(NamePatternItem)
  /// The start of the subject.
  case start
  /// The end of the subject.
  case end
  case sequence([NamePatternNode])
  case choice([NamePatternNode])
  /// The node at least `minimum` times, and at most `maximum` times unless it is nil.
  case repeated(NamePatternNode, minimum: Int, maximum: Int?)

  /// The items of a sequence of items; nil if there is any other node.
  var sequenceOfItems: [NamePatternItem]? {
    guard case .sequence(let nodes) = self else { return nil }
    var items: [NamePatternItem] = []
    for node in nodes {
      guard case .item(let item) = node else { return nil }
      items.append(item)
    }
    return items
  }
}
