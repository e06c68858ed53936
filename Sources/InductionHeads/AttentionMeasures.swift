package import Networks

/// Mean shares of attention of each head over sequences of a start token and a segment twice.
///
/// Source: Olsson et al., "In-context learning and induction heads", which defines prefix matching. Attention to the same
/// token and to the token before is measured in the same way.
package struct AttentionMeasures: Sendable {
  package let grid: HeadGrid
  /// The number n of tokens of the segment; a sequence has 1 + 2 n tokens.
  package let segmentLength: Int
  private var sums: [Sums]
  private var sequenceCounts: [Int]

  private struct Sums: Sendable {
    var prefix = 0.0
    var duplicate = 0.0
    var previous = 0.0
  }

  package init(_ grid: HeadGrid, segmentLength: Int) {
    self.grid = grid
    self.segmentLength = segmentLength
    sums = [Sums](repeating: Sums(), count: grid.count)
    sequenceCounts = [Int](repeating: 0, count: grid.layerCount)
  }

  /// Adds the attention of a layer over some sequences.
  /// - Parameter shares: Shape `[sequences · heads · length, length]` for sequences of 1 + 2 n tokens.
  package mutating func add(layer: Int, _ shares: Value<Float>) {
    let (n, length, headCount) = (segmentLength, 2 * segmentLength + 1, grid.headCount)
    let sequences = shares.count / (headCount * length * length)
    precondition(shares.count == sequences * headCount * length * length)
    let numbers = shares.span
    for sequence in 0..<sequences {
      for head in 0..<headCount {
        let start = (sequence * headCount + head) * length * length
        func share(_ query: Int, _ key: Int) -> Double {
          Double(numbers[start + query * length + key])
        }
        var sum = sums[layer * headCount + head]
        for query in 1..<length { sum.previous += share(query, query - 1) / Double(2 * n) }
        for query in n + 1..<length {
          sum.prefix += share(query, query - n + 1) / Double(n)
          sum.duplicate += share(query, query - n) / Double(n)
        }
        sums[layer * headCount + head] = sum
      }
    }
    sequenceCounts[layer] += sequences
  }

  private func means(_ sum: (Sums) -> Double) -> [Double] {
    sums.enumerated().map { sum($1) / Double(max(1, sequenceCounts[$0 / grid.headCount])) }
  }

  /// The mean share that the tokens of the second segment give to the token after their first occurrence.
  ///
  /// This list and the others are ordered layer by layer, head by head.
  package var prefixMatching: [Double] { means(\.prefix) }
  /// The mean share that the tokens of the second segment give to their first occurrence.
  package var duplicateToken: [Double] { means(\.duplicate) }
  /// The mean share that all tokens after the first give to the token before them.
  package var previousToken: [Double] { means(\.previous) }
}
