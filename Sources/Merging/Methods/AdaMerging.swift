import Base

/// A merge method that adds differences with coefficients that were learned, one for each tensor and model.
///
/// With `ties`, only the largest values of each difference over the whole model count, and of these only those with the
/// sign of their plain sum; each model's values keep a coefficient of their own. Without it, the method is
/// ``TaskArithmetic``. Source: Yang et al., "AdaMerging", ICLR 2024, and the authors' code for the form ++.
package enum AdaMerging: MergeMethod {
  package static let name = "adamerging"
  package static let summary = "differences with learned coefficients"
  package static let explanation = """
    Adds the differences of all models from the base with a coefficient for each tensor and
    model. The coefficients come from a table (--coefficients), or are learned from examples
    without labels (--data) by making the predictions more certain.
    Source: Yang et al., "AdaMerging", ICLR 2024.
    """
  package static let needsBase = true
  package static let modelCounts = 1...Int.max
  package static let parameters: [MergeParameter] = [
    .each("weight", .required), .shared("ties", .number(1)),
  ]

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    let share = values.number("ties", default: 1)
    guard share > 0, share <= 1 else {
      throw MergeFault("ties is \(share), expected a share above 0, up to 1")
    }
    var vectors = try TaskVectors(values, elects: false, normalizes: false, rescales: false) {
      _ throws(MergeFault) in share < 1 ? .atLeast(density: share) : .all
    }
    vectors.electsPlainly = share < 1
    return .taskVectors(vectors)
  }
}
