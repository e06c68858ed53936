/// Splits at the matches of a pattern.
struct SplitPreTokenizer: PreTokenizer {
  let pattern: TextPattern
  let behavior: SplitBehavior
  let isInverted: Bool

  static func read(_ component: inout Component) throws -> any PreTokenizer {
    SplitPreTokenizer(
      pattern: try component.pattern("pattern"), behavior: try SplitBehavior.read(&component),
      isInverted: try component.bool("invert"))
  }

  func apply(to pieces: inout Pieces) throws(PatternMatcher.TooManySteps) {
    try pieces.split(behavior, at: pattern, isInverted: isInverted)
  }
}

/// Splits as GPT-2 does, and turns each byte into the scalar that stands for it.
struct ByteLevelPreTokenizer: PreTokenizer {
  /// The expression of GPT-2 (Radford et al., 2019, its code), as the tokenizers library has it.
  static let expression =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  let addsSpace: Bool
  let pattern: TextPattern?

  static func read(_ component: inout Component) throws -> any PreTokenizer {
    let addsSpace = try component.bool("add_prefix_space")
    // Trimming concerns the places of tokens in the text, which are not computed.
    _ = try component.bool("trim_offsets")
    guard try component.bool("use_regex", default: true) else {
      return ByteLevelPreTokenizer(addsSpace: addsSpace, pattern: nil)
    }
    return ByteLevelPreTokenizer(
      addsSpace: addsSpace, pattern: .expression(try PatternProgram.compile(expression)))
  }

  func apply(to pieces: inout Pieces) throws(PatternMatcher.TooManySteps) {
    if addsSpace {
      pieces.transform { text, _ in text.first == 0x20 ? Array(text) : [0x20] + text }
    }
    if let pattern { try pieces.split(.isolated, at: pattern) }
    pieces.encodeBytes()
  }
}

/// Splits at one character, which is removed.
struct DelimiterPreTokenizer: PreTokenizer {
  let delimiter: Unicode.Scalar

  static func read(_ component: inout Component) throws -> any PreTokenizer {
    DelimiterPreTokenizer(delimiter: try component.scalar("delimiter"))
  }

  func apply(to pieces: inout Pieces) { pieces.split(.removed) { $0 == delimiter.value } }
}

/// Splits numbers from the rest, or each digit.
struct DigitsPreTokenizer: PreTokenizer {
  let behavior: SplitBehavior

  static func read(_ component: inout Component) throws -> any PreTokenizer {
    DigitsPreTokenizer(
      behavior: try component.bool("individual_digits", default: false) ? .isolated : .contiguous)
  }

  func apply(to pieces: inout Pieces) {
    pieces.split(behavior) { ScalarClasses.number.contains($0) }
  }
}

/// Splits at punctuation, to which ASCII symbols belong.
struct PunctuationPreTokenizer: PreTokenizer {
  let behavior: SplitBehavior

  static func read(_ component: inout Component) throws -> any PreTokenizer {
    PunctuationPreTokenizer(
      behavior: try SplitBehavior.read(&component, default: SplitBehavior.isolated.rawValue))
  }

  func apply(to pieces: inout Pieces) { pieces.split(behavior, at: Self.isPunctuation) }

  static func isPunctuation(_ value: UInt32) -> Bool {
    switch value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: value >= 0x80 && OldCategories.isPunctuation(value)
    }
  }
}

/// Splits at white space, which is removed, and isolates punctuation.
struct BertPreTokenizer: PreTokenizer {
  static func read(_ component: inout Component) -> any PreTokenizer { BertPreTokenizer() }

  func apply(to pieces: inout Pieces) {
    pieces.split(.removed) { ScalarClasses.whiteSpace.contains($0) }
    pieces.split(.isolated, at: PunctuationPreTokenizer.isPunctuation)
  }
}

/// Splits at white space, which is removed.
struct WhitespacePreTokenizer: PreTokenizer {
  static func read(_ component: inout Component) -> any PreTokenizer { WhitespacePreTokenizer() }

  func apply(to pieces: inout Pieces) {
    pieces.split(.removed) { ScalarClasses.whiteSpace.contains($0) }
  }
}

/// Splits into words and runs of other characters; white space is removed.
struct WordPreTokenizer: PreTokenizer {
  static func read(_ component: inout Component) -> any PreTokenizer { WordPreTokenizer() }

  func apply(to pieces: inout Pieces) {
    pieces.split { bytes, range, parts in
      var start = range.lowerBound
      var kind = 0
      var position = range.lowerBound
      while position < range.upperBound {
        let scalar = UTF8Text.scalar(bytes, at: position)
        let next =
          ScalarSet.unicodeWord.contains(scalar.value)
          ? 1 : ScalarClasses.whiteSpace.contains(scalar.value) ? 0 : 2
        if next != kind {
          if kind != 0 { parts.append(start..<position) }
          (start, kind) = (position, next)
        }
        position += scalar.count
      }
      if kind != 0 { parts.append(start..<range.upperBound) }
    }
  }
}
