/// A merge method that adds the weighted sum of all differences to the base.
///
/// Source: Ilharco et al., "Editing models with task arithmetic", ICLR 2023.
package enum TaskArithmetic: MergeMethod {
  package static let name = "task_arithmetic"
  package static let summary = "base plus weighted differences from it"
  package static let explanation = """
    Adds the differences of all models from the base, each times its weight, to the base.
    What it loses: differences of opposite sign cancel each other.
    Source: Ilharco et al., "Editing models with task arithmetic", ICLR 2023.
    """
  package static let needsBase = true
  package static let modelCounts = 0...Int.max
  package static let parameters = TaskVectors.parameters(normalizes: false, rescales: nil)

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .taskVectors(try TaskVectors(values, elects: false, normalizes: false, rescales: false))
  }
}

extension TaskVectors {
  /// Returns the parameters of a method that adds task vectors.
  ///
  /// - Parameters:
  ///   - normalizes: The default of `normalize`.
  ///   - rescales: The default of `rescale`; nil for a method without trims, for which mergekit accepts the
  ///     parameter too.
  ///   - more: Further parameters of the method.
  static func parameters(
    normalizes: Bool, rescales: Bool?, _ more: [MergeParameter] = []
  ) -> [MergeParameter] {
    [
      .each("weight", .required), .shared("normalize", .bool(normalizes)),
      .shared("rescale", .bool(rescales ?? false)), .shared("lambda", .number(1)),
      // In mergekit this sets how masks are stored; it is accepted and ignored.
      .shared("int8_mask", .optional), .each("density", .number(1)),
    ] + more
  }

  /// Creates a combination from the common parameters of a tensor.
  ///
  /// - Parameters:
  ///   - values: The parameter values of the tensor.
  ///   - elects: True if only the values with the elected sign contribute.
  ///   - normalizes: The default of `normalize`.
  ///   - rescales: The default of `rescale`.
  ///   - trim: Returns the trim of the difference of a model.
  init(
    _ values: MethodValues, elects: Bool, normalizes: Bool, rescales: Bool,
    trim: (Int) throws(MergeFault) -> Trim = { _ in .all }
  ) throws(MergeFault) {
    var vectors: [Vector] = []
    for model in 0..<values.modelCount {
      vectors.append(
        Vector(
          weight: values.number("weight", of: model, default: 1), trim: try trim(model)))
    }
    self.init(
      vectors: vectors, rescales: values.flag("rescale", default: rescales), elects: elects,
      normalizes: values.flag("normalize", default: normalizes),
      lambda: values.number("lambda", default: 1))
  }
}

extension MethodValues {
  /// Returns the trim for the density of a model: `.all` for 1 and above, `.nothing` for 0 and below, otherwise
  /// the result of `trim`.
  func trim(of model: Int, _ trim: (Double) throws(MergeFault) -> Trim) throws(MergeFault) -> Trim {
    let density = number("density", of: model, default: 1)
    if density >= 1 { return .all }
    return density > 0 ? try trim(density) : .nothing
  }
}
