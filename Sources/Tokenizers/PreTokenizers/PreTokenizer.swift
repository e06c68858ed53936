/// A step that splits a normalized text into words, or changes the words.
protocol PreTokenizer: Sendable {
  /// Reads the options of the component; the caller checks that there are no others.
  static func read(_ component: inout Component) throws -> any PreTokenizer
  func apply(to pieces: inout Pieces) throws(PatternMatcher.TooManySteps)
}

/// The registry of pre-tokenizers.
enum PreTokenizers {
  static let all: [String: any PreTokenizer.Type] = [
    "BertPreTokenizer": BertPreTokenizer.self, "ByteLevel": ByteLevelPreTokenizer.self,
    "CharDelimiterSplit": DelimiterPreTokenizer.self, "Delimiter": DelimiterPreTokenizer.self,
    "Digits": DigitsPreTokenizer.self, "Metaspace": Metaspace.self,
    "Punctuation": PunctuationPreTokenizer.self, "Sequence": PreTokenizerSequence.self,
    "Split": SplitPreTokenizer.self, "Whitespace": WordPreTokenizer.self,
    "WhitespaceSplit": WhitespacePreTokenizer.self,
  ]

  static func read(_ component: Component) throws -> any PreTokenizer {
    try component.read(by: all) { type, component in try type.read(&component) }
  }
}

struct PreTokenizerSequence: PreTokenizer {
  let steps: [any PreTokenizer]

  static func read(_ component: inout Component) throws -> any PreTokenizer {
    PreTokenizerSequence(steps: try component.components("pretokenizers").map(PreTokenizers.read))
  }

  func apply(to pieces: inout Pieces) throws(PatternMatcher.TooManySteps) {
    for step in steps { try step.apply(to: &pieces) }
  }
}

extension Pieces {
  /// Splits at the scalars for which `isDelimiter` returns true.
  mutating func split(_ behavior: SplitBehavior, at isDelimiter: (UInt32) -> Bool) {
    var matches: [Range<Int>] = []
    split { bytes, range, parts in
      matches.removeAll(keepingCapacity: true)
      var position = range.lowerBound
      while position < range.upperBound {
        let scalar = UTF8Text.scalar(bytes, at: position)
        if isDelimiter(scalar.value) { matches.append(position..<position + scalar.count) }
        position += scalar.count
      }
      behavior.append(matches, in: range, isInverted: false, to: &parts)
    }
  }

  /// Splits at the matches of a pattern.
  mutating func split(
    _ behavior: SplitBehavior, at pattern: TextPattern, isInverted: Bool = false
  ) throws(PatternMatcher.TooManySteps) {
    var matches: [Range<Int>] = []
    try split { (bytes, range, parts) throws(PatternMatcher.TooManySteps) in
      matches.removeAll(keepingCapacity: true)
      try pattern.forEachMatch(in: bytes, range) { matches.append($0) }
      behavior.append(matches, in: range, isInverted: isInverted, to: &parts)
    }
  }
}
