/// The settings of the learning of merge coefficients. The defaults are those of the paper's code.
///
/// Source: Yang et al., "AdaMerging: Adaptive model merging for multi-task learning", ICLR 2024.
package struct CoefficientRecipe: Sendable {
  /// The number that is made small.
  package enum Objective: String, CaseIterable, Sendable, Codable {
    /// The mean entropy of the predictions, which needs no labels.
    case entropy
    /// The mean loss of the next token of a text, which is its own label.
    case loss
  }

  package var objective = Objective.entropy
  package var stepCount = 500
  /// The learning rate of Adam.
  package var rate = 1e-3
  package var betas = (first: 0.9, second: 0.999)
  package var epsilon = 1e-8
  /// The value of all coefficients before the first step.
  package var start = 0.3
  /// The number of examples whose mean is a term of the objective.
  package var batchSize = 16
  /// The number of terms for each task and step.
  package var batchCount = 2
  /// The number of steps without a smaller mean of the objective after which learning stops; nil for none.
  package var patience: Int?

  package init() {}

  /// The number of examples of a task in a step.
  package var exampleCount: Int { batchSize * batchCount }
}
