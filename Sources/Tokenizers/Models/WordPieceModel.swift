/// WordPiece: the longest token that starts the rest of the word, again and again. A word with a rest that starts with
/// no token, or with too many characters, becomes the unknown token.
///
/// Source: Devlin et al., NAACL 2019, the tokenizer of its code.
/// - Complexity: O(*n* · *l*²) for a word of *n* bytes and tokens of up to *l* bytes.
struct WordPieceModel: TokenModel {
  private let vocabulary: TokenTable
  private let unknownName: String
  private let prefix: [UInt8]
  private let characterLimit: Int

  static func read(_ file: inout ModelFile, _ vocabulary: TokenTable) throws -> any TokenModel {
    WordPieceModel(
      vocabulary: vocabulary, unknownName: try file.component.string("unk_token"),
      prefix: Array(try file.component.string("continuing_subword_prefix").utf8),
      characterLimit: try file.component.count("max_input_chars_per_word"))
  }

  func append(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>, to ids: inout [Int32],
    _ scratch: inout MergeScratch
  ) throws(UnknownToken) {
    let firstNew = ids.count
    var characterCount = 0
    for position in word where text[position] & 0xC0 != 0x80 { characterCount += 1 }
    var start = word.lowerBound
    while characterCount <= characterLimit, start < word.upperBound,
      let (id, end) = longestToken(text, start..<word.upperBound, isFirst: start == word.lowerBound)
    {
      ids.append(id)
      start = end
    }
    guard start < word.upperBound else { return }
    ids.removeSubrange(firstNew...)
    guard let id = vocabulary.id(Array(unknownName.utf8)) else {
      throw UnknownToken(name: unknownName)
    }
    ids.append(id)
  }

  private func longestToken(
    _ text: borrowing Span<UInt8>, _ rest: Range<Int>, isFirst: Bool
  ) -> (id: Int32, end: Int)? {
    var piece = isFirst ? [] : prefix
    let prefixByteCount = piece.count
    for position in rest.prefix(max(0, vocabulary.longest - prefixByteCount)) {
      piece.append(text[position])
    }
    let span = piece.span
    var end = piece.count
    while end > prefixByteCount {
      if let id = vocabulary.id(span, 0..<end) {
        return (id, rest.lowerBound + end - prefixByteCount)
      }
      end -= 1
    }
    return nil
  }
}
