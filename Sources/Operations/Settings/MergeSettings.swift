import Base
import Checkpoints
package import Merging
import Recipes

/// What a merge computes: a recipe, or its parts.
package struct MergeSettings: Codable, Sendable {
  /// A recipe in mergekit's YAML; the other settings override it.
  package var recipe: String?
  package var method: String?
  package var base: String?
  package var weights: [ModelValue] = []
  package var densities: [ModelValue] = []
  package var gammas: [ModelValue] = []
  package var epsilons: [ModelValue] = []
  package var scales: [ModelValue] = []
  package var t: Double?
  package var lambda: Double?
  /// The method's own choice if nil.
  package var normalizes: Bool?
  package var rescales: Bool?
  /// The dtype that inputs are rounded to first.
  package var dtype: FloatType?
  package var outputDType: FloatType?
  package var seed: UInt64 = 0
  package var scope = MergeOptions.Scope.tensor
  /// A table of weights as JSON or YAML.
  package var coefficients: String?
  package var truncatesEmbeddings = false

  package init() {}
}

extension MergeOptions.Scope: Codable {}

extension MergeSettings {
  /// The recipe that file and settings make together.
  func mergeRecipe(models: [String]) throws -> MergeRecipe {
    var result = try startingRecipe(models)
    if let dtype { result.dtype = dtype.dtype }
    if let outputDType { result.outDType = outputDType.dtype }
    for (name, value) in [("t", t), ("lambda", lambda)] {
      if let value { result.override(name, with: .number(value)) }
    }
    for (name, value) in [("normalize", normalizes), ("rescale", rescales)] {
      if let value { result.override(name, with: .bool(value)) }
    }
    try overrideModels(of: &result)
    return result
  }

  private func startingRecipe(_ models: [String]) throws -> MergeRecipe {
    if let recipe {
      guard models.isEmpty else {
        throw UsageError(
          "models are named on the command line and by \(setting: "recipe")",
          hint: "leave out one of them")
      }
      var result = try MergeRecipeReader.recipe(RecipeFile.read(recipe), path: recipe)
      if let method { result.method = method }
      if let base { result.base = base }
      return result
    }
    guard let method else {
      throw UsageError(
        "how to merge is not said",
        hint:
          "give \(setting: "method"), one of \(MergeMethods.names.joined(separator: ", ")), or \(setting: "recipe")"
      )
    }
    guard !models.isEmpty else {
      throw UsageError(
        "no models are named", hint: "sumac merge A/ B/ \(setting: "method") linear -o OUT/")
    }
    var result = MergeRecipe(method: method, base: base, models: models)
    if MergeMethods[method]?.parameters.contains(where: { $0.name == "weight" }) == true,
      coefficients == nil
    {
      // What the settings do not say is 1.
      result.override("weight", with: .number(1))
    }
    return result
  }

  private func overrideModels(of recipe: inout MergeRecipe) throws {
    let given = [
      ("weight", weights), ("density", densities), ("gamma", gammas), ("epsilon", epsilons),
      ("scale", scales),
    ]
    var errors: [any UserError] = []
    for (parameter, values) in given {
      // A value for all comes first, then those of single models.
      for value in values where value.model == nil {
        recipe.override(parameter, with: .number(value.number))
      }
      for value in values {
        guard let model = value.model else { continue }
        let isFound = recipe.override(
          parameter, with: .number(value.number), where: value.isMeant(for:))
        if !isFound {
          let names = recipe.models.map { FileSystem.ownName(of: $0) }
          errors.append(
            UsageError(
              "--\(parameter) \(model.printable)=…: no model has that name",
              hint: Nearest.name(model, of: names).map { "did you mean '\($0)'?" }
                ?? "the models are \(names.joined(separator: ", "))"))
        }
      }
    }
    try SeveralErrors.throwIfAny(errors)
  }

  func options(selection: Selection) throws -> MergeOptions {
    MergeOptions(
      seed: seed, scope: scope,
      coefficients: try coefficients.map {
        try MergeCoefficients(RecipeFile.read($0), path: $0)
      }, selection: selection, truncatesEmbeddings: truncatesEmbeddings)
  }
}
