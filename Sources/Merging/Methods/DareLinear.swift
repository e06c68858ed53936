/// A merge method that drops random values of the differences and rescales the rest to the original size.
///
/// Source: Yu et al., "Language models are super Mario", ICML 2024.
package enum DareLinear: MergeMethod {
  package static let name = "dare_linear"
  package static let summary = "differences thinned by chance, summed"
  package static let explanation = """
    Of the difference of each model from the base, a random share density is kept and divided
    by density, so that its expected value stays. The weighted sum is added to the base.
    What it loses: the dropped differences. The same --seed drops the same values.
    Source: Yu et al., "Language models are super Mario", ICML 2024.
    """
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(normalizes: false, rescales: true)

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(
      try TaskVectors(values, elects: false, normalizes: false, rescales: true) {
        model throws(MergeFault) in
        try values.trim(of: model) { .random(density: $0) }
      })
  }
}
