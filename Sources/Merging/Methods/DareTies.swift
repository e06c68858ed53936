/// A merge method that drops random values of the differences, and adds only the values whose sign has the
/// greater weight.
///
/// Source: Yu et al., "Language models are super Mario", ICML 2024, with the sign election of TIES.
package enum DareTies: MergeMethod {
  package static let name = "dare_ties"
  package static let summary = "differences thinned by chance, by elected sign"
  package static let explanation = """
    Of the difference of each model from the base, a random share density is kept and divided
    by density. For each value, a sign is elected as by ties, and only differences of this
    sign are added to the base.
    What it loses: the dropped differences, and those of the other sign.
    Source: Yu et al., "Language models are super Mario", ICML 2024, and ties.
    """
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(normalizes: false, rescales: true)

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(
      try TaskVectors(values, elects: true, normalizes: false, rescales: true) {
        model throws(MergeFault) in
        try values.trim(of: model) { .random(density: $0) }
      })
  }
}
