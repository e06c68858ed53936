/// A node of a parsed pattern.
indirect enum PatternNode: Equatable, Sendable {
  /// One scalar of a set.
  case set(ScalarSet)
  case sequence([PatternNode])
  /// The first alternative that matches.
  case choice([PatternNode])
  /// `body` at least `minimum` times and at most `maximum` times; nil is no limit.
  case loop(PatternNode, minimum: Int, maximum: Int?, Greed)
  /// Matches without moving if `body` matches here, or does not if `isNegative`.
  case lookahead(PatternNode, isNegative: Bool)
  /// `body`, whose first match is final.
  case atomic(PatternNode)
  /// The start of the text or of a line.
  case lineStart
  /// The end of the text or of a line.
  case lineEnd
  /// The start of the text.
  case textStart
  /// The end of the text.
  case textEnd

  /// The order in which a loop tries numbers of repetitions.
  enum Greed: Equatable, Sendable {
    /// As many as possible, then fewer.
    case greedy
    /// As few as possible, then more.
    case lazy
    /// As many as possible, and never fewer.
    case possessive
  }

  /// True if the node can match without moving.
  var canBeEmpty: Bool {
    switch self {
    case .set: false
    case .sequence(let nodes): nodes.allSatisfy(\.canBeEmpty)
    case .choice(let nodes): nodes.contains(where: \.canBeEmpty)
    case .loop(let body, let minimum, _, _): minimum == 0 || body.canBeEmpty
    case .atomic(let body): body.canBeEmpty
    case .lookahead, .lineStart, .lineEnd, .textStart, .textEnd: true
    }
  }
}
