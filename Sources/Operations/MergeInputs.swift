import Base
import Checkpoints
import Merging
import TensorCore

/// The models that the recipes of a merge name: those that are read, and those that earlier recipes make.
struct MergeInputs {
  private let recipes: RecipeSequence
  private let locator: ModelLocator
  private let context: OperationContext
  /// The models by the names that recipes use.
  private var models: [String: Checkpoint] = [:]
  /// The adapters that were applied to models of the recipe of which `models(of:)` was called last.
  private(set) var applications: [VectorApplication] = []
  private(set) var notes: [Message] = []
  private(set) var errors: [any UserError] = []

  init(_ recipes: RecipeSequence, recipePath: String?, _ context: OperationContext) {
    self.recipes = recipes
    self.context = context
    locator = ModelLocator(recipe: recipePath, hubFolder: context.hubFolder)
  }

  /// Reads the headers of all models that are stored, and collects the errors of those that cannot be read.
  mutating func read() throws {
    let made = Set(recipes.intermediates.map(\.name))
    var seen = made
    for recipe in recipes.intermediates.map(\.recipe) + [recipes.output] {
      for name in recipe.models where seen.insert(name).inserted {
        do {
          try read(name, made: made)
        } catch let error as InterruptedError {
          throw error
        } catch {
          errors.append(try asUserError(error))
        }
      }
    }
  }

  /// Gives the models ids that cover their values, if an intermediate model or an adapted one records them.
  ///
  /// The inputs of the output itself are identified when it is written.
  mutating func identify() throws {
    let names = recipes.intermediates.flatMap(\.recipe.models) + recipes.output.models
    guard
      !recipes.intermediates.isEmpty
        || names.contains(where: { models[$0].map(TaskVector.isVector) ?? true })
    else { return }
    let keys = models.keys.sorted { $0.precedesAsBytes($1) }
    let identified = try context.identified(keys.compactMap { models[$0] })
    for (key, model) in zip(keys, identified) { models[key] = model }
  }

  /// Reads a model, or a model and its adapter: `MODEL+ADAPTER`.
  private mutating func read(_ name: String, made: Set<String>) throws {
    let location: ModelLocator.Location
    do { location = try locator.location(of: name) } catch {
      guard let (base, adapter) = Self.parts(of: name) else { throw error }
      for part in [base, adapter] where models[part] == nil && !made.contains(part) {
        try read(locator.location(of: part), named: part)
      }
      return
    }
    try read(location, named: name)
  }

  private mutating func read(_ location: ModelLocator.Location, named name: String) throws {
    var checkpoint = try context.read(location.path)
    if let name = location.name { checkpoint.path = name }
    if let note = location.note { notes.append(note) }
    models[name] = checkpoint
  }

  private static func parts(of name: String) -> (base: String, adapter: String)? {
    guard let plus = name.lastIndex(of: "+") else { return nil }
    return (String(name[..<plus]), String(name[name.index(after: plus)...]))
  }

  /// Returns the models of a recipe by their names, with their adapters applied in the dtype of the recipe.
  ///
  /// A task vector or an adapter among the models stands for the base of the recipe with the vector applied.
  /// - Throws: An error if a vector does not fit its model, or if the recipe has no base for it.
  mutating func models(of recipe: MergeRecipe) throws -> [String: Checkpoint] {
    var result: [String: Checkpoint] = [:]
    applications = []
    for name in recipe.models {
      if let model = models[name] {
        result[name] =
          TaskVector.isVector(model) ? try applied(model, named: name, for: recipe) : model
      } else if let (base, adapter) = Self.parts(of: name), let model = models[base],
        let change = models[adapter]
      {
        result[name] = try applied(change, to: model, dtype: recipe.dtype)
      }
    }
    return result
  }

  /// Adds the model that a recipe makes; its values are computed when they are read.
  mutating func add(_ merging: Merging, named name: String) throws {
    var checkpoint = try merging.output()
    checkpoint.path = name
    checkpoint.lineage = Lineage(
      verb: MergeOperation.verb, options: merging.lineageOptions,
      versions: Version.shapingOutput, inputs: merging.inputs)
    checkpoint.identity = InputIdentity(
      of: checkpoint.lineage,
      byteCount: checkpoint.tensors.reduce(0) { $0 + ($1.aliasOf == nil ? $1.info.byteCount : 0) })
    models[name] = checkpoint
  }

  /// Returns the base of a recipe with a task vector that the recipe names as a model.
  private mutating func applied(
    _ vector: Checkpoint, named name: String, for recipe: MergeRecipe
  ) throws -> Checkpoint {
    let what = "\(name.printable) is a task vector or an adapter"
    guard name != recipe.base else {
      throw UsageError(
        "\(what), expected a model as \(setting: "base")",
        hint: "name the model that it was extracted from")
    }
    guard let base = recipe.base.flatMap({ models[$0] }) else {
      throw UsageError(
        "\(what), which needs a base that it is added to",
        hint: "name the base with \(setting: "base"), or write MODEL+VECTOR")
    }
    return try applied(vector, to: base, dtype: recipe.dtype)
  }

  /// - Parameter dtype: The dtype of the merge, in which an adapter is added; that of the model if nil.
  private mutating func applied(
    _ adapter: Checkpoint, to base: Checkpoint, dtype: DType?
  ) throws -> Checkpoint {
    let application = VectorApplication(base: base, vectors: [(try TaskVector(adapter), 1)])
    try SeveralErrors.throwIfAny(application.errors)
    applications.append(application)
    notes += application.notes
    var applied = try application.applied(dtype: dtype)
    applied.lineage = Lineage(
      verb: VectorApplyOperation.verb, options: application.lineageOptions,
      versions: Version.shapingOutput, inputs: application.inputs)
    return applied
  }
}
