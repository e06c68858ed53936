import Base
import Checkpoints
import Merging

/// Merges models into one.
package struct MergeOperation: OutputOperation {
  package static let verb = "merge"

  /// The paths of the models; empty with a recipe.
  package var models: [String]
  package var output: OutputSettings
  package var settings = MergeSettings()
  package var selection = SelectionSettings()
  /// The text on which the output is compared with the base, or with the first model if there is none; nil to compare
  /// nothing.
  package var evaluation: EvaluationSettings?

  package init(models: [String], output: OutputSettings) {
    self.models = models
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let (recipes, faults) = try settings.recipes(models: models)
    var options = try settings.options(selection: selection.selection())
    try settings.checkLearning(models: models)
    var inputs = MergeInputs(recipes, recipePath: settings.recipe, context)
    try inputs.read()
    if !(faults + inputs.errors).isEmpty {
      let parsed = recipes.intermediates.map(\.recipe) + [recipes.output]
      try SeveralErrors.throwIfAny(
        faults + parsed.flatMap(\.parameterFaults) + inputs.errors)
    }
    if output.recordsLineage { try inputs.identify() }
    var steps: [Step] = []
    var notes: [Message] = []
    for intermediate in recipes.intermediates {
      let merging = try Merging(
        intermediate.recipe, models: inputs.models(of: intermediate.recipe),
        options: settings.intermediateOptions)
      try SeveralErrors.throwIfAny(merging.errors)
      try inputs.add(merging, named: intermediate.name)
      notes += merging.notes.map { "recipe '\(intermediate.name.printable)': " + $0 }
      steps.append(Step(merging: merging, applications: inputs.applications))
    }
    let found = try inputs.models(of: recipes.output)
    if let learning = settings.learning {
      options.coefficients = learning.start(of: recipes.output)
    }
    let merging = try Merging(recipes.output, models: found, options: options)
    steps.append(Step(merging: merging, applications: inputs.applications))
    var request = OutputRequest(
      options: merging.lineageOptions, inputs: merging.inputs,
      output: try merging.withCard(merging.output(), after: recipes.intermediates),
      errors: merging.errors,
      notes: inputs.notes + notes + merging.notes, carried: [])
    request.survey = Self.survey(of: steps)
    request.split = Self.split(
      merging, isAlone: steps.count == 1 && inputs.applications.isEmpty)
    if let learning = settings.learning {
      let learner = try LearnedMerge(
        learning, merging, models: found, seed: settings.seed, output, context)
      learner.plan(&request)
    }
    if let host = merging.host { try request.evaluate(evaluation, against: host, output, context) }
    return request
  }

  /// A merge with the adapters that were applied to its models.
  private struct Step {
    var merging: Merging
    var applications: [VectorApplication]
  }

  /// Returns the survey of merges, each of which may read the values of those before it.
  private static func survey(of steps: [Step]) -> OutputSurvey {
    let mergings = steps.map(\.merging)
    let applications = steps.flatMap(\.applications)
    return OutputSurvey(
      .survey,
      MemoryBudget.Demand(
        fixedByteCount: mergings.reduce(0) { $0 + $1.fixedByteCount },
        workerByteCount: max(
          mergings.map(\.workerByteCount).max() ?? 0,
          applications.map(\.checkByteCount).max() ?? 0)),
      tensorCount: mergings.reduce(0) { $0 + $1.tensors.count },
      byteCount: mergings.reduce(0) { $0 + $1.surveyByteCount }
        + applications.reduce(0) { $0 + $1.surveyByteCount }
    ) { engine, _ in
      var notices: [OperationNotice] = []
      for step in steps {
        // Values of adapters are checked first, so that an error names the adapter and not the merge.
        for application in step.applications {
          notices += try application.check(engine: engine).map(OperationNotice.warning)
        }
        try step.merging.survey(engine: engine)
      }
      // The planned output reads what the surveys found.
      return SurveyedOutput(notices: notices)
    }
  }
}
