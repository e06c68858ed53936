/// A merge method that keeps the largest differences, and adds only the values whose sign has the greater
/// weight.
///
/// Source: Yadav et al., "TIES-Merging", NeurIPS 2023.
package enum Ties: MergeMethod {
  package static let name = "ties"
  package static let summary = "largest differences, by elected sign"
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
