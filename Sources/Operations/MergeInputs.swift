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
    for recipe in recipes.intermediates.map(\.recipe) + [recipes.output] {
      for name in recipe.models where models[name] == nil && !made.contains(name) {
        do { models[name] = try checkpoint(name, made: made) } catch let error as InterruptedError {
          throw error
        } catch {
          errors.append(try asUserError(error))
        }
      }
    }
  }

  /// Returns the models of a recipe by their names.
  /// - Throws: An error if an adapter does not fit a model that an earlier recipe makes.
  mutating func models(of recipe: MergeRecipe) throws -> [String: Checkpoint] {
    var result: [String: Checkpoint] = [:]
    for name in recipe.models {
      result[name] = try models[name] ?? checkpoint(name, made: [])
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

  /// Reads a model, or a model with an adapter applied: `MODEL+ADAPTER`; nil if a recipe in `made` makes the model.
  private mutating func checkpoint(_ name: String, made: Set<String>) throws -> Checkpoint? {
    do { return try stored(name) } catch let error as FileError {
      guard let plus = name.lastIndex(of: "+") else { throw error }
      let base = String(name[..<plus])
      guard !made.contains(base) else { return nil }
      return try applied(
        String(name[name.index(after: plus)...]), to: try models[base] ?? stored(base))
    }
  }

  private mutating func stored(_ name: String) throws -> Checkpoint {
    let location = try locator.location(of: name)
    var checkpoint = try context.read(location.path)
    if let name = location.name { checkpoint.path = name }
    if let note = location.note { notes.append(note) }
    return checkpoint
  }

  private mutating func applied(_ adapter: String, to base: Checkpoint) throws -> Checkpoint {
    let application = VectorApplication(
      base: base, vectors: [(try TaskVector(stored(adapter)), 1)])
    try SeveralErrors.throwIfAny(application.errors)
    var applied = application.applied()
    applied.lineage = Lineage(
      verb: VectorApplyOperation.verb, options: application.lineageOptions,
      versions: Version.shapingOutput, inputs: application.inputs)
    return applied
  }
}
