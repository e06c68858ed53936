import Base

/// Reads the added tokens of a tokenizer file.
enum AddedTokenReader {
  /// Adds the tokens to the vocabulary.
  ///
  /// The library gives a token the id that it has in the vocabulary, or the next free one, whatever the file states;
  /// another id in the file is an error.
  /// - Returns: The tokens that are found before normalization, and those that are found after it.
  static func read(
    _ file: TokenizerFile, _ vocabulary: inout Vocabulary, _ normalizer: (any Normalizer)?
  ) throws -> (raw: AddedTokens, normalized: AddedTokens) {
    var raw = AddedTokens()
    var normalized = AddedTokens()
    var nextID = vocabulary.count
    var seen: Set<[UInt8]> = []
    var special: Set<[UInt8]> = []
    var added: [(content: [UInt8], token: AddedTokens.Token)] = []
    for (index, value) in file.addedTokens.enumerated() {
      var component = try Component.read(
        value, place: "added_tokens[\(index)]", path: file.path)
      let content = Array(try component.string("content").utf8)
      var token = AddedTokens.Token(
        id: Int32(truncatingIfNeeded: try component.count("id")), text: content,
        isSpecial: try component.bool("special"),
        isSingleWord: try component.bool("single_word"),
        stripsLeft: try component.bool("lstrip"), stripsRight: try component.bool("rstrip"))
      let isNormalized = try component.bool("normalized")
      try component.finish()
      if content.isEmpty { continue }
      let name = String(decoding: content, as: UTF8.self).printable
      guard seen.insert(content).inserted else {
        throw component.error(.vocabulary, "the token '\(name)' is added twice")
      }
      let id = vocabulary.id(of: content).map { Int($0) } ?? nextID
      guard id == Int(token.id) else {
        throw component.error(
          .vocabulary, "the token '\(name)' has the id \(token.id), but its place gives it \(id)")
      }
      if id == nextID, vocabulary.id(of: content) == nil {
        guard vocabulary.token(token.id) == nil else {
          throw component.error(
            .vocabulary, "the token '\(name)' has the id \(id), which another token has too")
        }
        nextID += 1
      }
      if isNormalized, let normalizer {
        var text = NormalizedText(bytes: content, startsAtOrigin: true)
        do {
          try normalizer.normalize(&text)
        } catch {
          throw component.error(.pattern, "a regular expression needs too many steps for '\(name)'")
        }
        token.text = text.bytes
      }
      if token.isSpecial { special.insert(content) }
      added.append((content, token))
      vocabulary.add(content, token.id, Vocabulary.Token(text: token.text))
      let isNew = isNormalized ? normalized.insert(token) : raw.insert(token)
      guard isNew else {
        throw component.error(
          .vocabulary, "the token '\(name)' is empty or equal to another one after normalization")
      }
    }
    for (content, token) in added where special.contains(token.text) {
      vocabulary.add(content, token.id, Vocabulary.Token(text: token.text, isSpecial: true))
    }
    return (raw, normalized)
  }
}
