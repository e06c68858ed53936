import Base

/// An encoder of many texts with one tokenizer, which remembers the ids of words within a few megabytes.
package struct TokenEncoder: Sendable {
  package let tokenizer: Tokenizer
  private var cache = WordCache()
  private var scratch = MergeScratch()

  package init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// Returns the ids of a text.
  /// - Parameter addSpecialTokens: True to add the tokens for the beginning and the end, if there are any.
  /// - Throws: ``FormatError`` if the vocabulary has no token for a part of the text.
  /// - Complexity: O(*n* log *n*) for a text of *n* bytes; needs about 20 bytes of memory per byte at its peak.
  package mutating func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int32] {
    var ids: [Int32] = []
    let bytes = Array(text.utf8)
    do {
      try append(bytes, to: &ids)
    } catch let error as PatternMatcher.TooManySteps {
      throw tokenizer.tooManySteps(error)
    }
    return tokenizer.specialTokens.added(to: ids, addSpecialTokens)
  }

  /// Appends the ids of valid UTF-8 bytes, without special tokens.
  private mutating func append(_ bytes: [UInt8], to ids: inout [Int32]) throws {
    let span = bytes.span
    for part in tokenizer.rawTokens.parts(span) {
      if let id = part.id {
        ids.append(id)
        continue
      }
      var text = NormalizedText(
        bytes: part.range.count == bytes.count ? bytes : Array(bytes[part.range]),
        startsAtOrigin: part.range.lowerBound == 0)
      try tokenizer.normalizer?.normalize(&text)
      try append(text, to: &ids)
    }
  }

  private mutating func append(_ text: NormalizedText, to ids: inout [Int32]) throws {
    guard !tokenizer.normalizedTokens.isEmpty else { return try appendWords(text, to: &ids) }
    let span = text.bytes.span
    for part in tokenizer.normalizedTokens.parts(span) {
      if let id = part.id {
        ids.append(id)
      } else {
        let piece = NormalizedText(
          bytes: Array(text.bytes[part.range]),
          startsAtOrigin: text.startsAtOrigin && part.range.lowerBound == 0)
        try appendWords(piece, to: &ids)
      }
    }
  }

  private mutating func appendWords(_ text: NormalizedText, to ids: inout [Int32]) throws {
    var pieces = Pieces(text)
    try tokenizer.preTokenizer?.apply(to: &pieces)
    let bytes = pieces.bytes
    let span = bytes.span
    for piece in pieces.pieces {
      let hash = TokenTable.hash(span, piece.range)
      if cache.append(span, piece.range, hash: hash, to: &ids) { continue }
      let start = ids.count
      do {
        try tokenizer.model.append(span, piece.range, to: &ids, &scratch)
      } catch {
        throw unknown(error, Array(bytes[piece.range]))
      }
      cache.insert(span, piece.range, hash: hash, ids[start...])
    }
  }

  private func unknown(_ error: UnknownToken, _ word: [UInt8]) -> FormatError {
    let text = String(decoding: word.prefix(64), as: UTF8.self).printable
    let reason =
      error.name.map { "the token for unknown text, '\($0.printable)', is not in the vocabulary" }
      ?? "the model has no token for unknown text"
    return FormatError(
      .text, "the word '\(text)' has a character that is not in the vocabulary, and \(reason)",
      path: tokenizer.path)
  }
}
