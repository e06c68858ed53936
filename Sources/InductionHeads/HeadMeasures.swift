/// Measures of each attention head of a model that follow from its weights alone.
///
/// Normalizations, biases, and the rotation and normalization of queries and keys are left out.
/// Source: Elhage et al., "A mathematical framework for transformer circuits"; Hernandez et al., "Scaling laws and
/// interpretability of learning from repeated data".
package struct HeadMeasures: Sendable, Equatable {
  package let grid: HeadGrid
  /// Re Σ e / Σ |e| over the eigenvalues e of W_V W_O, from -1 to 1; 0 if all are 0. Layer by layer, head by head.
  package let copying: [Double]
  /// The same for the circuit W_E W_V W_O W_U from token to token.
  package let circuitCopying: [Double]
  /// The composition of heads of earlier layers with later ones; nil if it was not computed.
  package let composition: HeadComposition?

  package init(
    _ grid: HeadGrid, copying: [Double], circuitCopying: [Double], composition: HeadComposition?
  ) {
    self.grid = grid
    self.copying = copying
    self.circuitCopying = circuitCopying
    self.composition = composition
  }

  /// The measures that have a value for each head.
  var columns: [HeadColumn] {
    [
      HeadColumn("copying", "copying", copying),
      HeadColumn("circuit_copying", "circuit copying", circuitCopying),
    ]
  }
}

/// The composition |A B| / (|A| |B|) of each pair of heads in Frobenius norms, where A = W_V W_O of the earlier head.
///
/// Each list has the shape `[heads, heads]` over all heads of the model, the earlier head first; it is 0 if the second
/// head is not in a later layer, or if a matrix is 0. No baseline of random matrices is subtracted.
package struct HeadComposition: Sendable, Equatable {
  /// B = W_Q W_Kᵀ of the later head.
  package internal(set) var queries: [Double]
  /// B = W_K W_Qᵀ of the later head.
  package internal(set) var keys: [Double]
  /// B = W_V W_O of the later head.
  package internal(set) var values: [Double]

  init(headCount: Int) {
    queries = [Double](repeating: 0, count: headCount * headCount)
    (keys, values) = (queries, queries)
  }
}
