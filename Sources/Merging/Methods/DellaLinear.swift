/// A merge method that keeps values of the differences with a probability that grows with their rank in the
/// row.
///
/// Source: Deep et al., "DELLA-Merging", 2024.
package enum DellaLinear: MergeMethod {
  package static let name = "della_linear"
  package static let summary = "differences thinned by rank and chance, summed"
  package static let explanation = """
    Keeps each value of the differences from the base with a probability around density that
    grows with the rank of its magnitude in the row, by up to epsilon, and rescales it. The
    weighted sum is added to the base.
    What it loses: the dropped differences.
    Source: Deep et al., "DELLA-Merging", 2024.
    """
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(
    normalizes: false, rescales: true, [.each("epsilon", .number(0.15))])

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(
      try TaskVectors(values, elects: false, normalizes: false, rescales: true) {
        model throws(MergeFault) in
        try values.della(of: model)
      })
  }
}
