/// A vocabulary of whole words; others become the unknown token.
struct WordLevelModel: TokenModel {
  private let vocabulary: TokenTable
  private let unknownName: String

  static func read(_ file: inout ModelFile, _ vocabulary: TokenTable) throws -> any TokenModel {
    WordLevelModel(
      vocabulary: vocabulary, unknownName: try file.component.string("unk_token"))
  }

  func append(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>, to ids: inout [Int32],
    _ scratch: inout MergeScratch
  ) throws(UnknownToken) {
    guard let id = vocabulary.id(text, word) ?? vocabulary.id(Array(unknownName.utf8)) else {
      throw UnknownToken(name: unknownName)
    }
    ids.append(id)
  }
}
