/// A merge method that adds differences without their largest and smallest magnitudes, and of these only
/// the values whose sign has the greater weight.
///
/// Source: Davari and Belilovsky, "Model breadcrumbs", ECCV 2024, with the sign election of TIES.
package enum BreadcrumbsTies: MergeMethod {
  package static let name = "breadcrumbs_ties"
  package static let summary = "differences without their largest and smallest, by elected sign"
  package static let explanation = """
    Differences from the base without their largest and smallest magnitudes, as by breadcrumbs,
    of which only those of the elected sign are added to the base, as by ties.
    What it loses: outliers, small differences, and those of the other sign.
    Source: Davari and Belilovsky, "Model breadcrumbs", ECCV 2024, and ties.
    """
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(
    normalizes: false, rescales: false, [.each("gamma", .number(0.01))])

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(
      try TaskVectors(values, elects: true, normalizes: false, rescales: false) {
        model throws(MergeFault) in
        try values.breadcrumbs(of: model)
      })
  }
}
