/// The base and the weighted sum of all differences from it.
///
/// Source: Ilharco et al., "Editing models with task arithmetic", ICLR 2023.
package enum TaskArithmetic: MergeMethod {
  package static let name = "task_arithmetic"
  package static let summary = "base plus weighted differences from it"
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(normalizes: false, rescales: nil)

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(try TaskVectors(values, elects: false, normalizes: false, rescales: false))
  }
}

extension TaskVectors {
  /// The parameters that all methods of this kind share.
  /// - Parameter rescales: nil for a method that trims nothing, which mergekit lets pass all the same.
  static func parameters(
    normalizes: Bool, rescales: Bool?, _ more: [MergeParameter] = []
  ) -> [MergeParameter] {
    [
      .each("weight", .required), .shared("normalize", .bool(normalizes)),
      .shared("rescale", .bool(rescales ?? false)), .shared("lambda", .number(1)),
      // How masks are stored there; there is none here.
      .shared("int8_mask", .optional), .each("density", .number(1)),
    ] + more
  }

  /// The common parameters of a tensor, and how each model's difference is trimmed.
  init(
    _ values: MethodValues, elects: Bool, normalizes: Bool, rescales: Bool,
    trim: (Int) throws(MergeFault) -> Trim = { _ in .all }
  ) throws(MergeFault) {
    var vectors: [Vector] = []
    for model in 0..<values.modelCount {
      vectors.append(
        Vector(
          weight: values.number("weight", of: model, standard: 1), trim: try trim(model)))
    }
    self.init(
      vectors: vectors, rescales: values.flag("rescale", standard: rescales), elects: elects,
      normalizes: values.flag("normalize", standard: normalizes),
      lambda: values.number("lambda", standard: 1))
  }
}

extension MethodValues {
  /// A trim by the density of a model: all of it from 1 on, nothing at 0 and below.
  func trim(of model: Int, _ trim: (Double) throws(MergeFault) -> Trim) throws(MergeFault) -> Trim {
    let density = number("density", of: model, standard: 1)
    if density >= 1 { return .all }
    return density > 0 ? try trim(density) : .nothing
  }
}
