package import Base

/// A tokenizer that was read from a `tokenizer.json` of the Hugging Face tokenizers library.
///
/// Ids and decoded texts are those of the library. Components and options that are not known are errors by name. The
/// members `truncation` and `padding` are settings of a training or serving program, and are not applied.
package struct Tokenizer: Sendable {
  /// The path of the file, for messages.
  package let path: String
  /// The number of different tokens, added ones included.
  package let vocabularySize: Int
  /// The largest id plus one, which is the least number of rows of an embedding.
  package let idLimit: Int
  let normalizer: (any Normalizer)?
  let preTokenizer: (any PreTokenizer)?
  let model: any TokenModel
  let rawTokens: AddedTokens
  let normalizedTokens: AddedTokens
  let specialTokens: SpecialTokens
  private let decoder: (any TokenDecoder)?
  private let vocabulary: Vocabulary

  /// Reads a tokenizer from a file.
  /// - Throws: ``FormatError`` if the file is malformed or has a part that is not known; ``FileError``.
  package static func load(from file: InputFile) throws -> Tokenizer {
    guard file.byteCount <= TokenizerFile.byteLimit else {
      throw FormatError(
        .file, "has \(file.byteCount) bytes, expected at most \(TokenizerFile.byteLimit)",
        path: file.path)
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    return try load(from: bytes.rawSpan, path: file.path)
  }

  /// Reads a tokenizer from the bytes of a file.
  /// - Parameter path: The path for messages.
  /// - Throws: ``FormatError`` if the file is malformed or has a part that is not known.
  package static func load(from bytes: borrowing RawSpan, path: String) throws -> Tokenizer {
    let file = try TokenizerFile.read(bytes, path: path)
    var vocabulary = try Vocabulary.read(file.model)
    let model = try TokenModels.read(file.model, vocabulary.table)
    let normalizer = try file.components["normalizer"].map(Normalizers.read)
    let added = try AddedTokenReader.read(file, &vocabulary, normalizer)
    let known = vocabulary
    return Tokenizer(
      path: path, vocabularySize: vocabulary.count, idLimit: vocabulary.idLimit,
      normalizer: normalizer,
      preTokenizer: try file.components["pre_tokenizer"].map(PreTokenizers.read),
      model: model, rawTokens: added.raw, normalizedTokens: added.normalized,
      specialTokens: try file.components["post_processor"].map {
        try SpecialTokens.read($0) { known.token($0) != nil }
      } ?? SpecialTokens(),
      decoder: try file.components["decoder"].map(TokenDecoders.read), vocabulary: vocabulary)
  }

  /// The ids that are put before a text with special tokens, such as the one for its beginning.
  package var prefixIDs: [Int32] { specialTokens.prefix }
  /// The ids that are put after a text with special tokens, such as the one for its end.
  package var suffixIDs: [Int32] { specialTokens.suffix }
  /// The id for the beginning of a text, if exactly one is put before it.
  package var beginningID: Int32? { prefixIDs.count == 1 ? prefixIDs[0] : nil }
  /// The id for the end of a text, if exactly one is put after it.
  package var endID: Int32? { suffixIDs.count == 1 ? suffixIDs[0] : nil }

  /// Returns the id of a token by its content, such as `</s>`; nil if there is none.
  package func id(of token: String) -> Int32? { vocabulary.id(of: Array(token.utf8)) }

  /// Returns the ids of a text. Use ``TokenEncoder`` for many texts; it remembers words.
  /// - Parameter addSpecialTokens: True to add the tokens for the beginning and the end, if there are any.
  /// - Throws: ``FormatError`` if the vocabulary has no token for a part of the text.
  /// - Complexity: O(*n* log *n*) for a text of *n* bytes.
  package func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int32] {
    var encoder = TokenEncoder(self)
    return try encoder.encode(text, addSpecialTokens: addSpecialTokens)
  }

  /// Returns the text of token ids.
  /// - Throws: ``FormatError`` if an id is not in the vocabulary.
  /// - Complexity: O(*n*) for tokens of *n* bytes.
  package func decode(_ ids: some Sequence<Int32>, skippingSpecialTokens: Bool) throws -> String {
    var tokens: [[UInt8]] = []
    for (index, id) in ids.enumerated() {
      guard let token = vocabulary.token(id) else {
        throw FormatError(
          .id,
          "id \(id) at position \(index) is not in the vocabulary, expected ids below \(idLimit)",
          path: path)
      }
      if !skippingSpecialTokens || !token.isSpecial { tokens.append(token.text) }
    }
    guard let decoder else {
      return String(decoding: Array(tokens.joined(separator: [0x20])), as: UTF8.self)
    }
    do {
      let texts = try decoder.decode(tokens)
      return String(decoding: Array(texts.joined()), as: UTF8.self)
    } catch {
      throw tooManySteps(error)
    }
  }

  func tooManySteps(_ error: PatternMatcher.TooManySteps) -> FormatError {
    FormatError(
      .pattern, "a regular expression needs too many steps at byte \(error.byteOffset) of a text",
      path: path)
  }
}
