import Base

/// The tokens of a tokenizer and their ids.
struct Vocabulary: Sendable {
  struct Token: Sendable {
    /// The text that decoders receive.
    var text: [UInt8]
    /// True if the token is left out when special tokens are skipped.
    var isSpecial = false
  }

  /// The tokens of the model.
  let table: TokenTable
  private var tokens: [Int32: Token]
  private var addedIDs: [[UInt8]: Int32] = [:]

  var count: Int { tokens.count }
  var idLimit: Int { tokens.keys.max().map { Int($0) + 1 } ?? 0 }

  /// Reads the vocabulary of a model.
  /// - Throws: ``FormatError`` if a token or an id occurs twice.
  static func read(_ model: ModelFile) throws -> Vocabulary {
    var table = TokenTable(expectedCount: model.vocabulary.count)
    var tokens: [Int32: Token] = [:]
    tokens.reserveCapacity(model.vocabulary.count)
    for entry in model.vocabulary {
      let name = String(decoding: entry.token, as: UTF8.self).printable
      guard table.insert(entry.token, entry.id) else {
        throw model.error(
          .vocabulary, "the token '\(name)' occurs twice in the vocabulary",
          byteOffset: entry.byteOffset)
      }
      guard tokens.updateValue(Token(text: entry.token), forKey: entry.id) == nil else {
        throw model.error(
          .vocabulary, "the token '\(name)' has the id \(entry.id), which another token has too",
          byteOffset: entry.byteOffset)
      }
    }
    return Vocabulary(table: table, tokens: tokens)
  }

  private init(table: TokenTable, tokens: [Int32: Token]) {
    (self.table, self.tokens) = (table, tokens)
  }

  func token(_ id: Int32) -> Token? { tokens[id] }

  func id(of token: [UInt8]) -> Int32? { addedIDs[token] ?? table.id(token) }

  mutating func add(_ content: [UInt8], _ id: Int32, _ token: Token) {
    addedIDs[content] = id
    tokens[id] = token
  }
}
