import Base

/// A unigram language model: the tokens whose scores have the largest sum, found by Viterbi's algorithm.
///
/// A character that starts no token becomes the unknown token with the smallest score of the vocabulary minus 10. Unknown
/// characters in a row are one unknown token, or the tokens of their bytes.
/// Source: Kudo, "Subword regularization", ACL 2018; the penalty and the order of ties as in SentencePiece and the
/// tokenizers library.
/// - Complexity: O(*n* · *l* log *v*) for a word of *n* bytes, tokens of up to *l* bytes and *v* tokens.
struct UnigramModel: TokenModel {
  private static let unknownPenalty = 10.0

  private let vocabulary: TokenTable
  private let tokens: SortedTokens
  private let scores: [Double]
  private let unknownID: Int32?
  private let unknownScore: Double
  /// The ids of the tokens for single bytes, or -1; nil without byte fallback.
  private let byteIDs: [Int32]?

  static func read(_ file: inout ModelFile, _ vocabulary: TokenTable) throws -> any TokenModel {
    try UnigramModel(&file, vocabulary)
  }

  private init(_ file: inout ModelFile, _ vocabulary: TokenTable) throws {
    guard let scores = file.scores, scores.count == file.vocabulary.count, !scores.isEmpty else {
      throw file.component.error(.file, "'vocab' is not an array of tokens with scores")
    }
    self.vocabulary = vocabulary
    self.scores = scores
    tokens = SortedTokens(file.vocabulary.map(\.token))
    if file.component.optional("unk_id") != nil {
      let id = try file.component.count("unk_id")
      guard id < scores.count else {
        throw file.component.error(
          .vocabulary, "'unk_id' is \(id), but the vocabulary has \(scores.count) tokens")
      }
      unknownID = Int32(truncatingIfNeeded: id)
    } else {
      unknownID = nil
    }
    unknownScore = scores.reduce(.infinity, min) - Self.unknownPenalty
    let hasByteFallback = try file.component.bool("byte_fallback", default: false)
    byteIDs = hasByteFallback ? ByteToken.ids(in: vocabulary) : nil
  }

  /// The best way to a place of a word.
  private struct Node {
    var score = 0.0
    /// The start of the last token; -1 if no token ends here.
    var start = -1
    var id: Int32 = 0
  }

  func append(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>, to ids: inout [Int32],
    _ scratch: inout MergeScratch
  ) throws(UnknownToken) {
    let nodes = try bestPath(text, word)
    var pieces: [Range<Int>] = []
    var (end, unknownEnd) = (word.count, -1)
    while end > 0 {
      let node = nodes[end]
      if node.id == unknownID {
        if unknownEnd < 0 { unknownEnd = end }
      } else {
        if unknownEnd >= 0 { pieces.append(end..<unknownEnd) }
        unknownEnd = -1
        pieces.append(node.start..<end)
      }
      end = node.start
    }
    if unknownEnd >= 0 { pieces.append(0..<unknownEnd) }
    for piece in pieces.reversed() {
      let range = word.lowerBound + piece.lowerBound..<word.lowerBound + piece.upperBound
      if let id = vocabulary.id(text, range) {
        ids.append(id)
      } else if let byteIDs, range.allSatisfy({ byteIDs[Int(text[$0])] >= 0 }) {
        for position in range { ids.append(byteIDs[Int(text[position])]) }
      } else if let unknownID {
        ids.append(unknownID)
      } else {
        throw UnknownToken(name: nil)
      }
    }
  }

  /// Returns the best way to each place of a word. A later way replaces an earlier one only if its score is larger.
  private func bestPath(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>
  ) throws(UnknownToken) -> [Node] {
    var nodes = [Node](repeating: Node(), count: word.count + 1)
    var position = word.lowerBound
    while position < word.upperBound {
      let start = position - word.lowerBound
      let scoreHere = nodes[start].score
      let byteCount = UTF8Text.byteCount(first: text[position])
      var hasCharacter = false
      tokens.forEachPrefix(of: text, position..<word.upperBound) { id, end in
        Self.offer(
          Node(
            score: scores[id] + scoreHere, start: start, id: Int32(truncatingIfNeeded: id)),
          to: &nodes[end - word.lowerBound])
        if end == position + byteCount { hasCharacter = true }
      }
      if !hasCharacter {
        guard let unknownID else { throw UnknownToken(name: nil) }
        Self.offer(
          Node(score: unknownScore + scoreHere, start: start, id: unknownID),
          to: &nodes[start + byteCount])
      }
      position += byteCount
    }
    return nodes
  }

  private static func offer(_ node: Node, to best: inout Node) {
    if best.start < 0 || node.score > best.score { best = node }
  }
}
