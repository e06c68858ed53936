import Base

/// A merge method that adds differences without their largest and smallest magnitudes.
///
/// Source: Davari and Belilovsky, "Model breadcrumbs", ECCV 2024.
package enum Breadcrumbs: MergeMethod {
  package static let name = "breadcrumbs"
  package static let summary = "differences without their largest and smallest, summed"
  package static let explanation = """
    Of the difference of each model from the base, the share gamma with the largest magnitudes
    and the smallest ones are left out, so that the share density remains. The weighted sum is
    added to the base.
    What it loses: outliers and small differences.
    Source: Davari and Belilovsky, "Model breadcrumbs", ECCV 2024.
    """
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(
    normalizes: false, rescales: false, [.each("gamma", .number(0.01))])

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(
      try TaskVectors(values, elects: false, normalizes: false, rescales: false) {
        model throws(MergeFault) in
        try values.breadcrumbs(of: model)
      })
  }
}

extension MethodValues {
  /// Returns the trim of a model for its density and gamma.
  ///
  /// - Throws: `MergeFault` if gamma is not in 0...1.
  func breadcrumbs(of model: Int) throws(MergeFault) -> Trim {
    let gamma = number("gamma", of: model, default: 0.01)
    guard (0...1).contains(gamma) else {
      throw MergeFault("gamma is \(gamma), expected a share from 0 to 1")
    }
    return try trim(of: model) { .afterLargest(density: $0, gamma: gamma) }
  }
}
