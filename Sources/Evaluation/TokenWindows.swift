package import Base

/// Tokens cut into windows that a model sees one by one, and the tokens of each that are scored.
///
/// A token is scored by its probability given the tokens before it in its window.
package struct TokenWindows: Sendable, Equatable {
  /// The tokens that the model reads, one window after another, each of the same length.
  package let inputs: [Int32]
  /// The token that follows each input, or ``unscored``.
  package let targets: [Int32]
  /// The number of inputs of a window.
  package let length: Int

  /// The target of an input whose next token is not scored.
  package static let unscored: Int32 = -100

  package var count: Int { inputs.count / length }
  /// The number of tokens that are scored.
  package var scoredCount: Int { targets.count { $0 != Self.unscored } }

  private init(inputs: [Int32], targets: [Int32], length: Int) {
    (self.inputs, self.targets, self.length) = (inputs, targets, length)
  }

  /// Cuts texts into windows of `length` inputs.
  ///
  /// Without `start`, input i of a window is a token and target i is the token after it. With `start`, each window begins
  /// with this token, and its target is the first token of the window; models need it if their tokenizers put a token
  /// before each text. Each window of a text begins `stride` tokens after the previous one, and scores the tokens that
  /// no earlier window scored. The last window of a text is filled with tokens that are not scored. Windows that are longer
  /// than ``TokenGroup/tokenCount`` are not longer than the longest text.
  /// - Parameters:
  ///   - length: The largest number of inputs of a window, at least 2.
  ///   - stride: The distance of two windows, from 1 to `length`; `length` by default.
  /// - Throws: ``UsageError`` for a text that is too short to score a token, or numbers out of range.
  package init(
    texts: [[Int32]], length: Int, stride: Int? = nil, start: Int32? = nil
  ) throws(UsageError) {
    let step = stride ?? length
    guard length >= 2, (1...length).contains(step) else {
      throw UsageError(
        "windows of \(length) tokens every \(step) tokens are not possible",
        hint: "choose windows of at least 2 tokens, and a stride from 1 to their length")
    }
    let longest = (texts.map(\.count).max() ?? 0) + (start == nil ? 0 : 1)
    let length = min(length, max(longest, TokenGroup.tokenCount))
    var rows = (inputs: [Int32](), targets: [Int32]())
    for tokens in texts {
      try Self.add(tokens, length: length, step: step, start: start, to: &rows)
    }
    self.init(inputs: rows.inputs, targets: rows.targets, length: length)
  }

  private static func add(
    _ tokens: [Int32], length: Int, step: Int, start: Int32?,
    to rows: inout (inputs: [Int32], targets: [Int32])
  ) throws(UsageError) {
    // With a start token, input i is the token before token i.
    let shift = start == nil ? 0 : 1
    let targetCount = tokens.count - 1 + shift
    guard targetCount > 0 else {
      throw UsageError(
        "a text has \(tokens.count.counted("token")), too few to score one",
        hint: "give more text")
    }
    var (begin, scoredEnd) = (0, 0)
    while scoredEnd < targetCount {
      for index in begin..<begin + length {
        let place = min(max(0, index - shift), tokens.count - 1)
        rows.inputs.append(index == begin ? start ?? tokens[place] : tokens[place])
        let isScored = index >= scoredEnd && index < targetCount
        rows.targets.append(isScored ? tokens[index + 1 - shift] : unscored)
      }
      scoredEnd = begin + length
      begin += step
    }
  }

  /// Takes windows as they are, such as the rows of a file of tokens: every token is scored except the first.
  ///
  /// - Parameter length: The length of each row.
  /// - Throws: ``UsageError`` for rows that are too short to score a token.
  package init(rows tokens: [Int32], length: Int) throws(UsageError) {
    guard length >= 2, !tokens.isEmpty, tokens.count % length == 0 else {
      throw UsageError(
        "\(tokens.count.counted("token")) are not rows of \(length), or leave none to score",
        hint: "give rows of at least 2 tokens")
    }
    var targets = Array(tokens.dropFirst()) + [Self.unscored]
    for last in Swift.stride(from: length - 1, to: tokens.count, by: length) {
      targets[last] = Self.unscored
    }
    self.init(inputs: tokens, targets: targets, length: length)
  }

  /// Returns some of the windows. Windows that ``Evaluator/groups(of:)`` runs together must stay together, so that
  /// results stay the same.
  package subscript(_ part: Range<Int>) -> TokenWindows {
    let places = part.lowerBound * length..<part.upperBound * length
    return TokenWindows(
      inputs: Array(inputs[places]), targets: Array(targets[places]), length: length)
  }

  /// Throws if a token is outside of the vocabulary of a model.
  package func check(vocabularySize: Int, path: String) throws(UsageError) {
    guard let place = inputs.firstIndex(where: { $0 < 0 || $0 >= vocabularySize }) else { return }
    throw UsageError(
      "token \(place % length) of window \(place / length) is \(inputs[place]), but \(path.printable) "
        + "knows tokens from 0 to \(vocabularySize - 1)",
      hint: "use tokens that were made with the tokenizer of the model")
  }
}
