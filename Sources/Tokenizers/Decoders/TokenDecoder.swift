/// A step that turns tokens into text. The tokens of the last step are joined.
protocol TokenDecoder: Sendable {
  /// Reads the options of the component; the caller checks that there are no others.
  static func read(_ component: inout Component) throws -> any TokenDecoder
  /// - Parameter tokens: Valid UTF-8 each.
  func decode(_ tokens: [[UInt8]]) throws(PatternMatcher.TooManySteps) -> [[UInt8]]
}

/// The registry of decoders.
enum TokenDecoders {
  static let all: [String: any TokenDecoder.Type] = [
    "BPEDecoder": SuffixDecoder.self, "ByteFallback": ByteFallbackDecoder.self,
    "ByteLevel": ByteLevelDecoder.self, "Fuse": FuseDecoder.self, "Metaspace": Metaspace.self,
    "Replace": ReplaceDecoder.self, "Sequence": DecoderSequence.self, "Strip": StripDecoder.self,
    "WordPiece": WordPieceDecoder.self,
  ]

  static func read(_ component: Component) throws -> any TokenDecoder {
    try component.read(by: all) { type, component in try type.read(&component) }
  }
}

struct DecoderSequence: TokenDecoder {
  let steps: [any TokenDecoder]

  static func read(_ component: inout Component) throws -> any TokenDecoder {
    DecoderSequence(steps: try component.components("decoders").map(TokenDecoders.read))
  }

  func decode(_ tokens: [[UInt8]]) throws(PatternMatcher.TooManySteps) -> [[UInt8]] {
    var tokens = tokens
    for step in steps { tokens = try step.decode(tokens) }
    return tokens
  }
}
