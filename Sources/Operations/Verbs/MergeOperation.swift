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

  package init(models: [String], output: OutputSettings) {
    self.models = models
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let (recipes, faults) = try settings.recipes(models: models)
    let options = try settings.options(selection: selection.selection())
    var inputs = MergeInputs(recipes, recipePath: settings.recipe, context)
    try inputs.read()
    if !(faults + inputs.errors).isEmpty {
      let parsed = recipes.intermediates.map(\.recipe) + [recipes.output]
      try SeveralErrors.throwIfAny(
        faults + parsed.flatMap(\.parameterFaults) + inputs.errors)
    }
    var mergings: [Merging] = []
    var notes: [Message] = []
    for intermediate in recipes.intermediates {
      let merging = try Merging(
        intermediate.recipe, models: inputs.models(of: intermediate.recipe),
        options: settings.intermediateOptions)
      try SeveralErrors.throwIfAny(merging.errors)
      try inputs.add(merging, named: intermediate.name)
      notes += merging.notes.map { "recipe '\(intermediate.name.printable)': " + $0 }
      mergings.append(merging)
    }
    let merging = try Merging(
      recipes.output, models: inputs.models(of: recipes.output), options: options)
    mergings.append(merging)
    var request = OutputRequest(
      options: merging.lineageOptions, inputs: merging.inputs,
      output: try merging.withCard(merging.output(), after: recipes.intermediates),
      errors: merging.errors,
      notes: inputs.notes + notes + merging.notes, carried: [])
    request.survey = Self.survey(of: mergings)
    return request
  }

  /// Returns the survey of merges, each of which may read the values of those before it.
  private static func survey(of mergings: [Merging]) -> OutputSurvey {
    OutputSurvey(
      .survey,
      MemoryBudget.Demand(
        fixedByteCount: mergings.reduce(0) { $0 + $1.fixedByteCount },
        workerByteCount: mergings.map(\.workerByteCount).max() ?? 0),
      tensorCount: mergings.reduce(0) { $0 + $1.tensors.count },
      byteCount: mergings.reduce(0) { $0 + $1.surveyByteCount }
    ) { engine, _ in
      for merging in mergings { try merging.survey(engine: engine) }
      // The planned output reads what the surveys found.
      return SurveyedOutput()
    }
  }
}
