package import Base
import Networks

/// Sentences as tokens, special tokens included, in the order in which they run: those of one length together, so that none
/// needs padding.
package struct Sentences: Sendable, Equatable {
  /// The tokens of all sentences.
  let inputs: [Int32]
  /// The number of the sentence at each place.
  let order: [Int]
  let groups: [TokenGroup]
  /// The number of tokens of the longest sentence.
  package let maximumLength: Int

  /// - Parameter sentences: The tokens of each sentence.
  /// - Throws: ``UsageError`` if there is no sentence, or one without tokens.
  package init(_ sentences: [[Int32]]) throws(UsageError) {
    guard !sentences.isEmpty else {
      throw UsageError("the text has no sentences", hint: "give one sentence in each line")
    }
    if let empty = sentences.firstIndex(where: \.isEmpty) {
      throw UsageError(
        "sentence \(empty + 1) has no tokens", hint: "give one sentence in each line")
    }
    order = sentences.indices.sorted {
      (sentences[$0].count, $0) < (sentences[$1].count, $1)
    }
    inputs = order.flatMap { sentences[$0] }
    maximumLength = sentences[order[order.count - 1]].count
    var groups: [TokenGroup] = []
    var (first, start) = (0, 0)
    while first < order.count {
      let length = sentences[order[first]].count
      var end = first
      while end < order.count, sentences[order[end]].count == length { end += 1 }
      groups += TokenGroup.groups(count: end - first, length: length, start: start)
      start += (end - first) * length
      first = end
    }
    self.groups = groups
  }

  package var count: Int { order.count }
  package var tokenCount: Int { inputs.count }

  /// A hash of all tokens and lengths.
  package var hash: UInt64 {
    let lengths = groups.map { Int32(truncatingIfNeeded: $0.windows.length) }
    let places = order.map { Int32(truncatingIfNeeded: $0) }
    return TokenWindows.hash(inputs, TokenWindows.hash(lengths, TokenWindows.hash(places, 0)))
  }

  /// Throws if a token is outside of the vocabulary of a model.
  package func check(vocabularySize: Int, path: String) throws(UsageError) {
    guard let id = inputs.first(where: { $0 < 0 || $0 >= vocabularySize }) else { return }
    throw UsageError(
      "a sentence has the token \(id), but \(path.printable) knows tokens from 0 to \(vocabularySize - 1)",
      hint: "use the tokenizer of the model")
  }
}

extension TokenWindows {
  /// A hash of all inputs, targets and the length of the windows.
  package var hash: UInt64 {
    Self.hash(inputs, Self.hash(targets, Self.hash([Int32(truncatingIfNeeded: length)], 0)))
  }

  static func hash(_ numbers: [Int32], _ seed: UInt64) -> UInt64 {
    // SAFETY: the elements are integers, which have no padding.
    let bytes = unsafe numbers.span.bytes
    return XXH64.hash(bytes, seed: seed)
  }
}
