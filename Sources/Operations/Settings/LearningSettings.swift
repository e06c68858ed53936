package import AdaMerging
package import BLAS
import Base
package import Coefficients
import Merging

/// The settings for learning merge coefficients: tasks, objective, steps and outputs.
package struct LearningSettings: Codable, Sendable, Equatable {
  /// A path with the name of its task.
  package struct NamedPath: Codable, Sendable, Equatable {
    package var name: String
    package var path: String

    package init(_ name: String, _ path: String) {
      self.name = name
      self.path = path
    }
  }

  /// The examples of each task: `PATH`, or `PATH:NAME` for a tensor.
  package var data: [NamedPath]
  /// The path of the classifiers, `TASK.weight` and `TASK.bias`; nil for language models.
  package var heads: String?
  /// Labels for the report, if they are not in the files of the examples.
  package var labels: [NamedPath] = []
  package var grouping = MergeCoefficients.Grouping.tensor
  /// The objective; nil for entropy.
  package var objective: CoefficientRecipe.Objective?
  package var stepCount = 500
  package var rate = 1e-3
  package var betas = [0.9, 0.999]
  package var epsilon = 1e-8
  package var start = 0.3
  /// The examples of a batch, and the batches of each task in a step; nil for those of the draws, or 16 and 2.
  package var batchSize: Int?
  package var batchCount: Int?
  package var patience: Int?
  /// Numbers of examples, shape `[steps, tasks, batches, examples]`: `PATH`, or `PATH:NAME`.
  package var draws: String?
  /// The path of a config.json, or the sizes of an encoder, in place of the configuration of the base.
  package var architecture: String?
  /// The path of a tokenizer.json in place of the model's.
  package var tokenizer: String?
  /// The number of tokens that a window of text predicts; 128 for nil.
  package var window: Int?
  /// The change of the values of examples: (x / divisor − mean) / deviation; a divisor of 1 for nil.
  package var divisor: Double?
  package var mean: [Double] = []
  package var deviation: [Double] = []
  /// The path where the table of learned coefficients is written.
  package var table: String
  /// The path where the values of each step are written as JSON lines.
  package var trajectory: String?
  /// The path of the folder that keeps the state of the steps; nil to keep none.
  package var resumeFolder: String?
  package var kernels = KernelChoice.native

  package init(data: [NamedPath], table: String) {
    self.data = data
    self.table = table
  }
}

extension MergeCoefficients.Grouping: Codable {}

extension LearningSettings {
  /// Returns the table before the first step.
  func start(of recipe: MergeRecipe) -> MergeCoefficients {
    let count = recipe.models.count { $0 != recipe.base }
    return MergeCoefficients(
      .task, models: nil, rows: ["*": Array(repeating: start, count: count)], path: table)
  }

  /// The settings of the learner. They must be without ``errors``.
  var recipe: CoefficientRecipe {
    var recipe = CoefficientRecipe()
    recipe.objective = objective ?? recipe.objective
    recipe.stepCount = stepCount
    recipe.rate = rate
    recipe.betas = (betas[0], betas[1])
    recipe.epsilon = epsilon
    recipe.start = start
    recipe.batchSize = batchSize ?? recipe.batchSize
    recipe.batchCount = batchCount ?? recipe.batchCount
    recipe.patience = patience
    return recipe
  }

  /// The largest number of steps, examples, batches or tokens.
  private static let maximumCount = 1 << 31

  /// The errors in numbers and names.
  var errors: [any UserError] {
    var errors: [any UserError] = []
    func check(_ name: String, _ value: Double, _ expected: String, _ isRight: Bool) {
      guard !isRight else { return }
      errors.append(UsageError("\(setting: name) is \(value), expected \(expected)"))
    }
    for (name, value) in [
      ("steps", stepCount), ("batch", batchSize ?? 1), ("batches", batchCount ?? 1),
      ("patience", patience ?? 1), ("window", window ?? 1),
    ] where !(1...Self.maximumCount).contains(value) {
      errors.append(
        UsageError("\(setting: name) is \(value), expected 1 to \(Self.maximumCount)"))
    }
    check("rate", rate, "a number above 0", rate > 0 && rate.isFinite)
    check("start", start, "a number from 0 to 1", (0...1).contains(start))
    if let divisor {
      check("divisor", divisor, "a number other than 0", divisor != 0 && divisor.isFinite)
    }
    if betas.count != 2 || !betas.allSatisfy({ (0..<1).contains($0) }) {
      errors.append(
        UsageError("\(setting: "betas") are \(betas), expected two numbers from 0 to below 1"))
    }
    if deviation.contains(0) {
      errors.append(UsageError("\(setting: "deviation") has a 0, expected other numbers"))
    }
    for (name, list) in [("data", data), ("labels", labels)] {
      for (index, entry) in list.enumerated()
      where list[..<index].contains(where: { $0.name == entry.name }) {
        errors.append(
          UsageError("\(setting: name) \(entry.name.printable)=… is given twice"))
      }
    }
    for entry in labels where !data.contains(where: { $0.name == entry.name }) {
      errors.append(
        UsageError(
          "\(setting: "labels") \(entry.name.printable)=…: no data of this task",
          hint: "the tasks are \(data.map(\.name.printable).joined(separator: ", "))"))
    }
    return errors
  }
}

extension MergeSettings {
  /// Checks the settings for learning coefficients, if there are any.
  /// - Throws: All errors in them.
  /// - Parameter models: The paths of the models, if they are named as arguments.
  func checkLearning(models: [String]) throws {
    guard let learning else { return }
    var errors = learning.errors
    var seen: Set<UTF8Key> = []
    let repeated = models.filter { !seen.insert(UTF8Key($0)).inserted }
    for model in Set(repeated).sorted() {
      errors.append(
        UsageError("\(model.printable) is named twice, expected each model once"))
    }
    let tuned = models.count { $0 != base }
    if recipe == nil, repeated.isEmpty, learning.data.count != tuned {
      errors.append(
        UsageError(
          "\(learning.data.count.counted("task")) with data for \(tuned.counted("model")), expected as many",
          hint: "give \(setting: "data") NAME=FILE for the task of each model"))
    }
    if recipe != nil {
      errors.append(
        UsageError(
          "coefficients are learned for models that are named as arguments, not for a recipe",
          hint: "leave out \(setting: "recipe")"))
    } else if method != AdaMerging.name {
      errors.append(
        UsageError(
          "\(setting: "data") does not apply to \(setting: "method", method ?? "")",
          hint: "use \(setting: "method", AdaMerging.name)"))
    }
    if base == nil {
      errors.append(
        UsageError(
          "\(setting: "method", AdaMerging.name) needs \(setting: "base")",
          hint: "name the model that the others were fine-tuned from"))
    }
    if truncatesEmbeddings || dtype != nil {
      errors.append(
        UsageError(
          "coefficients are learned for the models as they are",
          hint: "leave out \(setting: "unsafe-truncate-embeddings") and \(setting: "dtype")"))
    }
    try SeveralErrors.throwIfAny(errors)
  }
}
