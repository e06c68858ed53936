import Base
import Checkpoints
import Merging
import SystemPackage

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
    let recipe = try settings.mergeRecipe(models: models)
    let options = try settings.options(selection: selection.selection())
    let merging = try Merging(
      recipe, models: try checkpoints(of: recipe, context), options: options)
    var request = OutputRequest(
      options: merging.lineageOptions, inputs: merging.inputs,
      output: try merging.withCard(merging.planned()), errors: merging.errors,
      notes: merging.notes, carried: [])
    request.survey = OutputSurvey(
      .survey,
      MemoryBudget.Demand(
        fixedByteCount: merging.fixedByteCount, workerByteCount: merging.workerByteCount),
      tensorCount: merging.tensors.count, byteCount: merging.surveyByteCount
    ) { engine, _ in
      SurveyedOutput(output: try merging.withCard(merging.merged(engine: engine)))
    }
    return request
  }

  /// Returns every model that the recipe names, by name.
  private func checkpoints(
    of recipe: MergeRecipe, _ context: OperationContext
  ) throws -> [String: Checkpoint] {
    var models: [String: Checkpoint] = [:]
    var errors: [any UserError] = []
    for name in recipe.models {
      do { models[name] = try checkpoint(name, context) } catch let error as InterruptedError {
        throw error
      } catch {
        errors.append(try asUserError(error))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    return models
  }

  /// Reads a model, or a model with an adapter applied: `MODEL+ADAPTER`.
  private func checkpoint(_ name: String, _ context: OperationContext) throws -> Checkpoint {
    if let path = existing(name) { return try context.read(path) }
    guard let plus = name.lastIndex(of: "+"), let base = existing(String(name[..<plus])),
      let adapter = existing(String(name[name.index(after: plus)...]))
    else {
      throw FileError("read", name, .noSuchFileOrDirectory)
    }
    let application = VectorApplication(
      base: try context.read(base), vectors: [(try TaskVector(context.read(adapter)), 1)])
    try SeveralErrors.throwIfAny(application.errors)
    var applied = application.applied()
    applied.lineage = Lineage(
      verb: VectorApplyOperation.verb, options: application.lineageOptions,
      versions: Version.shapingOutput, inputs: application.inputs)
    return applied
  }

  /// Returns the path of a model, relative to the working directory or to the recipe, or nil if it does not exist.
  private func existing(_ name: String) -> String? {
    if (try? FileSystem.stat(name)) != nil { return name }
    guard let recipe = settings.recipe, !name.hasPrefix("/") else { return nil }
    let beside = FileSystem.parent(of: recipe) + "/" + name
    return (try? FileSystem.stat(beside)) == nil ? nil : beside
  }
}
