import Base

/// A merge method that computes the weighted mean, or with `normalize: false` the weighted sum.
///
/// Source: Wortsman et al., "Model soups", ICML 2022.
package enum Linear: MergeMethod {
  package static let name = "linear"
  package static let summary = "weighted mean of all models"
  package static let explanation = """
    The weighted mean of the tensors of all models; with normalize: false, the weighted sum.
    What it loses: each model's own values; similar models average well, distant ones do not.
    Source: Wortsman et al., "Model soups", ICML 2022.
    """
  package static let needsBase = false
  package static let modelCounts = 1...Int.max
  package static let parameters: [MergeParameter] = [
    .each("weight", .required), .shared("normalize", .bool(true)),
  ]

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    let weights = (0..<values.modelCount).map { values.number("weight", of: $0, default: 1) }
    let normalizes = values.flag("normalize", default: true)
    if normalizes, weights.reduce(0, +) == 0 {
      throw MergeFault(
        "the weights sum to 0, so that the weighted mean is undefined",
        hint: "change a weight, or set normalize: false")
    }
    return .weightedSum(weights: weights, normalizes: normalizes)
  }
}
