import Base
import Checkpoints
import Merging
import SystemPackage
import TensorCore

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
    let models = try models(of: recipe, context)
    let merging = try Merging(
      recipe, models: models.mapValues(\.checkpoint), options: options)
    let applications = models.values.compactMap(\.application)
    var request = OutputRequest(
      options: merging.lineageOptions, inputs: merging.inputs,
      output: try merging.withCard(merging.planned()), errors: merging.errors,
      notes: applications.flatMap(\.notes) + merging.notes, carried: [])
    request.survey = OutputSurvey(
      .survey,
      MemoryBudget.Demand(
        fixedByteCount: merging.fixedByteCount,
        workerByteCount: max(
          merging.workerByteCount, applications.map(\.checkByteCount).max() ?? 0)),
      tensorCount: merging.tensors.count,
      byteCount: merging.surveyByteCount
        + applications.reduce(0) { $0 + $1.surveyByteCount }
    ) { engine, _ in
      // Values of adapters are checked first, so that an error names the adapter and not the merge.
      let notes = try applications.flatMap { try $0.check(engine: engine) }
      return SurveyedOutput(
        output: try merging.withCard(merging.merged(engine: engine)),
        notices: notes.map(OperationNotice.warning))
    }
    return request
  }

  /// A model of the recipe, with the application of its adapter if it has one.
  private struct Model {
    var checkpoint: Checkpoint
    var application: VectorApplication?
  }

  /// Returns every model that the recipe names, by name.
  private func models(
    of recipe: MergeRecipe, _ context: OperationContext
  ) throws -> [String: Model] {
    var models: [String: Model] = [:]
    var errors: [any UserError] = []
    for name in recipe.models {
      do {
        models[name] = try model(name, dtype: recipe.dtype, context)
      } catch let error as InterruptedError {
        throw error
      } catch {
        errors.append(try asUserError(error))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    return models
  }

  /// Reads a model, or a model with an adapter applied: `MODEL+ADAPTER`.
  /// - Parameter dtype: The dtype of the merge, in which an adapter is added; that of the model if nil.
  private func model(
    _ name: String, dtype: DType?, _ context: OperationContext
  ) throws -> Model {
    if let path = existing(name) { return Model(checkpoint: try context.read(path)) }
    guard let plus = name.lastIndex(of: "+"), let base = existing(String(name[..<plus])),
      let adapter = existing(String(name[name.index(after: plus)...]))
    else {
      throw FileError("read", name, .noSuchFileOrDirectory)
    }
    let application = VectorApplication(
      base: try context.read(base), vectors: [(try TaskVector(context.read(adapter)), 1)])
    try SeveralErrors.throwIfAny(application.errors)
    var applied = try application.applied(dtype: dtype)
    applied.lineage = Lineage(
      verb: VectorApplyOperation.verb, options: application.lineageOptions,
      versions: Version.shapingOutput, inputs: application.inputs)
    return Model(checkpoint: applied, application: application)
  }

  /// Returns the path of a model, relative to the working directory or to the recipe, or nil if it does not exist.
  private func existing(_ name: String) -> String? {
    if (try? FileSystem.stat(name)) != nil { return name }
    guard let recipe = settings.recipe, !name.hasPrefix("/") else { return nil }
    let beside = FileSystem.parent(of: recipe) + "/" + name
    return (try? FileSystem.stat(beside)) == nil ? nil : beside
  }
}
