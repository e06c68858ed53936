/// Joins tokens whose scalars stand for bytes. Bytes that are not UTF-8 become U+FFFD.
struct ByteLevelDecoder: TokenDecoder {
  static func read(_ component: inout Component) throws -> any TokenDecoder {
    for option in ["add_prefix_space", "trim_offsets", "use_regex"] {
      _ = try component.bool(option, default: true)
    }
    return ByteLevelDecoder()
  }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    let bytes = tokens.flatMap { ByteAlphabet.decoded($0) ?? $0 }
    return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
  }
}

/// Turns runs of tokens such as `<0x0A>` into text; if their bytes are not UTF-8, each becomes U+FFFD.
struct ByteFallbackDecoder: TokenDecoder {
  static func read(_ component: inout Component) -> any TokenDecoder { ByteFallbackDecoder() }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var bytes: [UInt8] = []
    func flush() {
      if String(validating: bytes, as: UTF8.self) != nil {
        if !bytes.isEmpty { result.append(bytes) }
      } else {
        for _ in bytes { result.append([0xEF, 0xBF, 0xBD]) }
      }
      bytes = []
    }
    for token in tokens {
      if let byte = ByteToken.byte(of: token) {
        bytes.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }
}

/// Joins all tokens into one.
struct FuseDecoder: TokenDecoder {
  static func read(_ component: inout Component) -> any TokenDecoder { FuseDecoder() }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] { [Array(tokens.joined())] }
}

/// Replaces the matches of a pattern in each token.
struct ReplaceDecoder: TokenDecoder {
  let pattern: TextPattern
  let content: [UInt8]

  static func read(_ component: inout Component) throws -> any TokenDecoder {
    ReplaceDecoder(
      pattern: try component.pattern("pattern"),
      content: Array(try component.string("content").utf8))
  }

  func decode(_ tokens: [[UInt8]]) throws(PatternMatcher.TooManySteps) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for token in tokens { result.append(try pattern.replacing(token, with: content)) }
    return result
  }
}

/// Removes up to a number of one character from the ends of each token.
struct StripDecoder: TokenDecoder {
  let content: [UInt8]
  let startCount: Int
  let stopCount: Int

  static func read(_ component: inout Component) throws -> any TokenDecoder {
    var content: [UInt8] = []
    UTF8Text.append(try component.scalar("content"), to: &content)
    return StripDecoder(
      content: content, startCount: try component.count("start"),
      stopCount: try component.count("stop"))
  }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.map { token in
      var rest = token[...]
      var count = 0
      while count < startCount, rest.starts(with: content) {
        rest = rest.dropFirst(content.count)
        count += 1
      }
      count = 0
      while count < stopCount, rest.suffix(content.count).elementsEqual(content) {
        rest = rest.dropLast(content.count)
        count += 1
      }
      return Array(rest)
    }
  }
}

/// Turns the suffix at the end of words into spaces.
struct SuffixDecoder: TokenDecoder {
  let suffix: [UInt8]

  static func read(_ component: inout Component) throws -> any TokenDecoder {
    SuffixDecoder(suffix: Array(try component.string("suffix", default: "</w>").utf8))
  }

  func decode(_ tokens: [[UInt8]]) throws(PatternMatcher.TooManySteps) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for (index, token) in tokens.enumerated() {
      let space: [UInt8] = index == tokens.count - 1 ? [] : [0x20]
      result.append(try TextPattern.literal(suffix).replacing(token, with: space))
    }
    return result
  }
}

/// Joins the pieces of words, with spaces between words.
struct WordPieceDecoder: TokenDecoder {
  let prefix: [UInt8]
  let cleansUp: Bool

  /// Texts that are replaced in each token, in this order, as the tokenizers library does it.
  private static let replacements = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
    (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ]

  static func read(_ component: inout Component) throws -> any TokenDecoder {
    WordPieceDecoder(
      prefix: Array(try component.string("prefix", default: "##").utf8),
      cleansUp: try component.bool("cleanup", default: true))
  }

  func decode(_ tokens: [[UInt8]]) throws(PatternMatcher.TooManySteps) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for (index, token) in tokens.enumerated() {
      var text = token
      if index > 0 {
        text = token.starts(with: prefix) ? Array(token.dropFirst(prefix.count)) : [0x20] + token
      }
      if cleansUp {
        for (old, new) in Self.replacements {
          text = try TextPattern.literal(Array(old.utf8)).replacing(text, with: Array(new.utf8))
        }
      }
      result.append(text)
    }
    return result
  }
}
