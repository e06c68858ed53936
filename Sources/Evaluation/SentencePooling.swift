import Base
import Networks

/// A way to make one vector of the hidden states of a sentence, by the names of sentence-transformers.
///
/// Source: Reimers and Gurevych, "Sentence-BERT", EMNLP 2019, and its code for the later modes.
package enum SentencePooling: String, CaseIterable, Sendable {
  /// The state of the first token.
  case cls
  /// The largest value of each dimension.
  case max
  case mean
  /// The sum divided by the square root of the number of tokens.
  case meanSqrtLength = "mean_sqrt_len_tokens"
  /// The mean with the weights 1, 2, 3, ….
  case weightedMean = "weightedmean"
  /// The state of the last token.
  case lastToken = "lasttoken"

  /// The member of `1_Pooling/config.json` that turns the mode on. Modes that are on together are concatenated in the
  /// order of the cases.
  var configurationKey: String {
    switch self {
    case .cls: "pooling_mode_cls_token"
    case .max: "pooling_mode_max_tokens"
    case .mean: "pooling_mode_mean_tokens"
    case .meanSqrtLength: "pooling_mode_mean_sqrt_len_tokens"
    case .weightedMean: "pooling_mode_weightedmean_tokens"
    case .lastToken: "pooling_mode_lasttoken"
    }
  }

  /// Returns the vector of a sentence; sums are of float64.
  /// - Parameters:
  ///   - states: Hidden states, shape `[tokens, width]`.
  ///   - rows: The tokens of the sentence.
  /// - Complexity: O(tokens · width).
  func vector(_ states: Value<Float>, rows: Range<Int>) -> [Float] {
    let width = states.columns
    let numbers = states.span
    switch self {
    case .cls: return (0..<width).map { numbers[rows.lowerBound * width + $0] }
    case .lastToken: return (0..<width).map { numbers[(rows.upperBound - 1) * width + $0] }
    case .max:
      return (0..<width).map { column in
        rows.reduce(-Float.infinity) { Swift.max($0, numbers[$1 * width + column]) }
      }
    case .mean: return Self.sums(numbers, rows, width) { _ in 1 / Double(rows.count) }
    case .meanSqrtLength:
      return Self.sums(numbers, rows, width) { _ in 1 / Double(rows.count).squareRoot() }
    case .weightedMean:
      let total = Double(rows.count * (rows.count + 1)) / 2
      return Self.sums(numbers, rows, width) { Double($0 + 1) / total }
    }
  }

  /// Returns sums over rows with weights.
  private static func sums(
    _ numbers: borrowing Span<Float>, _ rows: Range<Int>, _ width: Int,
    weight: (_ index: Int) -> Double
  ) -> [Float] {
    var sums = [Double](repeating: 0, count: width)
    for (index, row) in rows.enumerated() {
      let weight = weight(index)
      for column in 0..<width { sums[column] += weight * Double(numbers[row * width + column]) }
    }
    return sums.map { Float($0) }
  }
}
