/// A merge method that keeps the largest differences, and adds only the values whose sign has the greater
/// weight.
///
/// Source: Yadav et al., "TIES-Merging", NeurIPS 2023.
package enum Ties: MergeMethod {
  package static let name = "ties"
  package static let summary = "largest differences, by elected sign"
  package static let explanation = """
    Of the difference of each model from the base, the share density with the largest
    magnitudes is kept. For each value, the sign with the greater sum of weighted magnitudes
    is elected, and only differences of this sign are added to the base.
    What it loses: small differences, and those of the other sign.
    Source: Yadav et al., "TIES-Merging", NeurIPS 2023.
    """
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(normalizes: true, rescales: false)

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(
      try TaskVectors(values, elects: true, normalizes: true, rescales: false) {
        model throws(MergeFault) in
        try values.trim(of: model) { .largest(density: $0) }
      })
  }
}
