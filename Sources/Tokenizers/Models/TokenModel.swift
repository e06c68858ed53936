/// A model that turns a word into token ids.
protocol TokenModel: Sendable {
  /// Reads the options of the model; the caller checks that there are no others.
  static func read(_ file: inout ModelFile, _ vocabulary: TokenTable) throws -> any TokenModel

  /// Appends the ids of a word, which is not empty, to `ids`.
  func append(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>, to ids: inout [Int32],
    _ scratch: inout MergeScratch
  ) throws(UnknownToken)
}

/// A word needs the unknown token, which the vocabulary does not have.
struct UnknownToken: Error {
  /// The name of the token; nil if the model has none.
  var name: String?
}

/// The registry of models.
enum TokenModels {
  static let all: [String: any TokenModel.Type] = [
    "BPE": BytePairModel.self, "Unigram": UnigramModel.self, "WordLevel": WordLevelModel.self,
    "WordPiece": WordPieceModel.self,
  ]

  static func read(_ file: ModelFile, _ vocabulary: TokenTable) throws -> any TokenModel {
    var file = file
    let name = try file.type()
    guard let type = all[name] else {
      throw file.component.unknown(name, known: Array(all.keys))
    }
    let model = try type.read(&file, vocabulary)
    try file.component.finish()
    guard file.scores == nil || name == "Unigram" else {
      throw file.component.error(.file, "'vocab' has scores, expected ids for \(name)")
    }
    guard file.merges == nil || name == "BPE" else {
      throw file.component.error(.unsupported, "the option 'merges' is not known for \(name)")
    }
    return model
  }
}
