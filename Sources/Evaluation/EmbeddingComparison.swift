/// The distances of embeddings from those of a base.
package struct EmbeddingComparison: Sendable, Equatable {
  /// The cosine of both embeddings of each sentence: 1 if both are zero, 0 if one is.
  package let cosines: [Double]
  /// ‖a − b‖ / ‖b‖ of each sentence, with the embedding b of the base: 0 if nothing differs.
  package let distances: [Double]

  /// - Parameter base: The embeddings of the base, of the same sentences and dimension.
  /// - Complexity: O(sentences · dimension); sums are of float64.
  package init(_ found: SentenceEmbeddings, base: SentenceEmbeddings) {
    precondition(found.count == base.count && found.dimension == base.dimension)
    let pairs = (0..<found.count).map { Self.pair(found[$0], base[$0]) }
    cosines = pairs.map(\.cosine)
    distances = pairs.map(\.distance)
  }

  private static func pair(
    _ a: ArraySlice<Float>, _ b: ArraySlice<Float>
  ) -> (cosine: Double, distance: Double) {
    var (aa, bb, ab, difference) = (0.0, 0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      let (x, y) = (Double(x), Double(y))
      aa += x * x
      bb += y * y
      ab += x * y
      difference += (x - y) * (x - y)
    }
    guard difference > 0 else { return (1, 0) }
    let cosine = aa == 0 || bb == 0 ? 0 : min(1, max(-1, ab / (aa * bb).squareRoot()))
    return (cosine, (difference / bb).squareRoot())
  }

  /// The index of the sentence with the smallest cosine, the first of several.
  package var worstCosine: Int { cosines.indices.min { cosines[$0] < cosines[$1] } ?? 0 }
  /// The index of the sentence with the largest distance, the first of several.
  package var worstDistance: Int { distances.indices.min { distances[$0] > distances[$1] } ?? 0 }
}
