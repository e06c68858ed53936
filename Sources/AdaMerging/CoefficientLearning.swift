package import Base
import Checkpoints
package import Networks

/// The loop that learns coefficients, and its result.
package struct CoefficientLearning: Sendable {
  /// The mean objective of each task, for each step, before the step.
  package var means: [[Double]] = []
  /// True if the objective did not improve for as many steps as the recipe allows.
  package var stoppedEarly = false
  /// The share of correct predictions of each task before and after; nil for tasks without labels.
  package var accuracies: [(before: Double?, after: Double?)] = []
  /// The accuracies before the first step; nil until they are known.
  package private(set) var accuraciesBefore: [Double?]?
  /// The means of the objective over as many steps as the patience of the recipe, by their last step.
  private var averages: [Double] = []

  package init() {}

  /// Returns the memory of the mean objectives of some steps: a list for each, and a number for each task.
  package static func byteCount(steps: Int, tasks: Int) -> Int { steps * (40 + 8 * tasks) }

  /// Goes on after steps that an earlier run has done.
  ///
  /// - Parameters:
  ///   - means: The mean objective of each task, for each of these steps.
  ///   - accuracies: The accuracies before the first of them.
  package mutating func goOn(
    after means: [[Double]], accuracies: [Double?], patience: Int?
  ) {
    accuraciesBefore = accuracies
    for own in means { add(own, patience) }
  }

  /// Runs all steps that are left.
  ///
  /// - Parameters:
  ///   - check: Called often; throws if the run is to end.
  ///   - save: Called before the first step and after each with the results so far.
  ///   - observe: Receives the results of each step.
  /// - Throws: ``FormatError`` if the objective or a derivative is not finite, which names the step. The learner keeps the
  ///   coefficients before that step.
  package mutating func run<Scalar: NetworkScalar>(
    _ learner: CoefficientLearner<Scalar>, _ draws: BatchDraws, check: () throws -> Void,
    save: (CoefficientLearning) throws -> Void = { _ in },
    observe: (CoefficientLearner<Scalar>.Step) throws -> Void
  ) throws {
    let recipe = learner.recipe
    try learner.form()
    let before = try accuraciesBefore ?? Self.accuracies(learner, check)
    accuraciesBefore = before
    try save(self)
    while means.count < max(1, recipe.stepCount), !stoppedEarly {
      let number = means.count + 1
      let examples = learner.tasks.enumerated().map { index, task in
        draws.examples(step: number - 1, task: index, task, count: recipe.exampleCount)
      }
      let step = try learner.step(number, examples, check: check)
      guard step.isFinite else { throw Self.diverged(step, learner) }
      try learner.form()
      add(step.means, recipe.patience)
      try observe(step)
      try save(self)
    }
    let after = try Self.accuracies(learner, check)
    accuracies = zip(before, after).map { ($0, $1) }
  }

  private static func accuracies<Scalar: NetworkScalar>(
    _ learner: CoefficientLearner<Scalar>, _ check: () throws -> Void
  ) throws -> [Double?] {
    try learner.tasks.indices.map { try learner.accuracy(ofTask: $0, check: check) }
  }

  /// Adds the mean objective of each task in a step.
  private mutating func add(_ step: [Double], _ patience: Int?) {
    means.append(step)
    if let patience { stoppedEarly = hasStalled(patience) }
  }

  /// Adds the mean of the objective over the last `patience` steps.
  /// - Returns: True if none of the last `patience` such means is below the smallest one before them.
  private mutating func hasStalled(_ patience: Int) -> Bool {
    guard means.count >= patience else { return false }
    averages.append(
      means.suffix(patience).reduce(0) { $0 + $1.reduce(0, +) } / Double(patience))
    guard let earlier = averages.dropLast(patience).min(),
      let latest = averages.suffix(patience).min()
    else { return false }
    return latest >= earlier
  }

  private static func diverged<Scalar: NetworkScalar>(
    _ step: CoefficientLearner<Scalar>.Step, _ learner: CoefficientLearner<Scalar>
  ) -> FormatError {
    let task = step.values.firstIndex { !$0.allSatisfy(\.isFinite) }
    let place =
      task.map {
        "the \(learner.recipe.objective.rawValue) of '\(learner.tasks[$0].name.printable)'"
      }
      ?? "a derivative"
    return FormatError(
      .coefficientsDiverged, "\(place) is NaN or infinite in step \(step.number)",
      path: learner.network.path,
      hint: "check the examples and the models for extreme values, or lower the learning rate")
  }
}

extension FormatError.Code {
  package static let coefficientsDiverged = FormatError.Code(
    "adamerging.diverged",
    meaning: "The objective became NaN or infinite while merge coefficients were learned.",
    remedy: "Check examples and models for extreme values, or use a lower learning rate.")
  package static let learningData = FormatError.Code(
    "adamerging.data",
    meaning:
      "Examples, labels or draws for merge coefficients do not fit the network or its heads.",
    remedy:
      "Use examples of the shape that the network reads, and labels below the number of classes.")
  package static let classifierHead = FormatError.Code(
    "adamerging.head",
    meaning: "A classifier head of a task is missing or does not fit the features of the network.",
    remedy: "Give heads as TASK.weight of shape [classes, features], with an optional TASK.bias.")
}
