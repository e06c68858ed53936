/// The mask of the gradients that change weights.
///
/// Source: Wang et al., "SparCL", section 3.4; the authors' code for ties.
package enum GradientMask {
  /// Clears the gradients of masked weights, then those below the percentile of `sparsity` over all places, zeros
  /// included. Gradients that equal the percentile are kept.
  /// - Returns: The mask of the gradients that are not 0, and the percentile.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  package static func apply<R: WeightNumber>(
    to gradient: inout [R], weights mask: [Bool]?, sparsity: Double
  ) -> (mask: [Bool], threshold: R) {
    guard !gradient.isEmpty else { return ([], 0) }
    if let mask { for index in gradient.indices where !mask[index] { gradient[index] = 0 } }
    let threshold = Percentile.value(sparsity, of: gradient.map { $0.magnitude })
    for index in gradient.indices where gradient[index].magnitude < threshold {
      gradient[index] = 0
    }
    return (gradient.map { $0 != 0 }, threshold)
  }
}
