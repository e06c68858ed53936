import Base

/// A merge method that keeps values of the differences with a probability that grows with their rank in the
/// row, and adds only the values whose sign has the greater weight.
///
/// Source: Deep et al., "DELLA-Merging", 2024.
package enum Della: MergeMethod {
  package static let name = "della"
  package static let summary = "differences thinned by rank and chance, by elected sign"
  package static let explanation = """
    Keeps each value of the differences from the base with a probability around density that
    grows with the rank of its magnitude in the row, by up to epsilon, and rescales it. Only
    values of the elected sign are added to the base, as by ties.
    What it loses: the dropped differences, and those of the other sign.
    Source: Deep et al., "DELLA-Merging", 2024.
    """
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(
    normalizes: true, rescales: true, [.each("epsilon", .number(0.15))])

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(
      try TaskVectors(values, elects: true, normalizes: true, rescales: true) {
        model throws(MergeFault) in
        try values.della(of: model)
      })
  }
}

extension MethodValues {
  /// Returns the trim of a model for its density and epsilon.
  ///
  /// - Throws: `MergeFault` if a probability density ± epsilon is not between 0 and 1.
  func della(of model: Int) throws(MergeFault) -> Trim {
    let epsilon = number("epsilon", of: model, default: 0.15)
    return try trim(of: model) { density throws(MergeFault) in
      guard epsilon >= 0, density - epsilon > 0, density + epsilon < 1 else {
        throw MergeFault(
          "density \(density) with epsilon \(epsilon) leads to probabilities outside 0 to 1",
          hint: "use an epsilon below \(min(density, 1 - density))")
      }
      return .ranked(density - epsilon...density + epsilon)
    }
  }
}
