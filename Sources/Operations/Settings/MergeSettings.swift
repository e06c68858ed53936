import Base
import Checkpoints
import Coefficients
package import Merging
import Recipes

/// The settings of a merge: a recipe, or the values that make one.
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
  /// True if sums are divided by the weights; the method decides if nil.
  package var normalizes: Bool?
  package var rescales: Bool?
  /// The dtype that inputs are rounded to before merging.
  package var dtype: FloatType?
  package var outputDType: FloatType?
  package var seed: UInt64 = 0
  package var scope = MergeOptions.Scope.tensor
  /// The path of a JSON or YAML table of weights.
  package var coefficients: String?
  /// adamerging: the share of each difference that is kept, over the whole model; nil for all.
  package var ties: Double?
  /// adamerging: what coefficients are learned from; nil to use given ones.
  package var learning: LearningSettings?
  package var truncatesEmbeddings = false
  /// True if models whose configurations or tokenizers differ are merged.
  package var allowsConfigMismatch = false

  package init() {}
}

extension MergeOptions.Scope: Codable {}

extension MergeSettings {
  /// Returns the recipes of the file with the errors in them; the other settings override that of the output.
  func recipes(
    models: [String]
  ) throws -> (sequence: RecipeSequence, errors: [any UserError]) {
    var errors: [any UserError] = []
    var sequence = try startingRecipes(models, errors: &errors)
    if let dtype { sequence.output.dtype = dtype.dtype }
    if let outputDType { sequence.output.outDType = outputDType.dtype }
    for (name, value) in [("t", t), ("lambda", lambda), ("ties", ties)] {
      if let value { sequence.output.override(name, with: .number(value)) }
    }
    for (name, value) in [("normalize", normalizes), ("rescale", rescales)] {
      if let value { sequence.output.override(name, with: .bool(value)) }
    }
    overrideModels(of: &sequence.output, errors: &errors)
    return (sequence, errors)
  }

  private func startingRecipes(
    _ models: [String], errors: inout [any UserError]
  ) throws -> RecipeSequence {
    guard let recipe else { return RecipeSequence(try recipe(of: models)) }
    guard models.isEmpty else {
      throw UsageError(
        "models are given both as arguments and by \(setting: "recipe")",
        hint: "omit one of them")
    }
    let (documents, faults) = MergeRecipeReader.recipes(
      try RecipeFile.documents(recipe), path: recipe)
    errors += faults
    var sequence = RecipeSequence(documents, path: recipe, errors: &errors)
    // The recipe as written may list its base as a model; an option never does.
    if method == nil, base == nil { sequence.output.listBase() }
    if let method { sequence.output.method = method }
    if let base { sequence.output.base = base }
    return sequence
  }

  /// Returns the recipe of models that are given as arguments.
  private func recipe(of models: [String]) throws -> MergeRecipe {
    guard let method else {
      throw UsageError(
        "no merge method given",
        hint:
          "use \(setting: "recipe"), or \(setting: "method") with one of \(MergeMethods.names.joined(separator: ", "))"
      )
    }
    guard !models.isEmpty else {
      throw UsageError(
        "no models given",
        hint: "for example: sumac merge A/ B/ \(setting: "method") linear -o OUT/")
    }
    // Without trims, adamerging is task arithmetic with coefficients.
    let isPlain = method == AdaMerging.name && ties == nil
    var result = MergeRecipe(
      method: isPlain ? TaskArithmetic.name : method, base: base, models: models)
    if MergeMethods[method]?.parameters.contains(where: { $0.name == "weight" }) == true,
      coefficients == nil, learning == nil
    {
      // The default weight is 1.
      result.override("weight", with: .number(1))
    }
    return result
  }

  private func overrideModels(of recipe: inout MergeRecipe, errors: inout [any UserError]) {
    let given = [
      ("weight", weights), ("density", densities), ("gamma", gammas), ("epsilon", epsilons),
      ("scale", scales),
    ]
    for (parameter, values) in given {
      // Values for all models come first, so that values for single models override them.
      for value in values where value.model == nil {
        recipe.override(parameter, with: .number(value.number))
      }
      for value in values {
        guard let model = value.model else { continue }
        let isFound = recipe.override(
          parameter, with: .number(value.number), where: value.applies(toModelAt:))
        if !isFound {
          let names = recipe.models.map { FileSystem.ownName(of: $0) }
          errors.append(
            UsageError(
              "--\(parameter) \(model.printable)=…: no model with this name",
              hint: Nearest.name(model, of: names).map { "did you mean '\($0.shown)'?" }
                ?? "the models are \(names.prefix(8).map(\.shown).joined(separator: ", "))"))
        }
      }
    }
  }

  func options(selection: Selection) throws -> MergeOptions {
    try SeveralErrors.throwIfAny(parameterErrors)
    return MergeOptions(
      seed: seed, scope: scope,
      coefficients: try coefficients.map {
        try MergeCoefficients(RecipeFile.read($0), path: $0)
      }, selection: selection, truncatesEmbeddings: truncatesEmbeddings,
      allowsConfigMismatch: allowsConfigMismatch)
  }

  /// The options of the recipes that make models for the output; the others apply to the output only.
  var intermediateOptions: MergeOptions {
    MergeOptions(
      seed: seed, truncatesEmbeddings: truncatesEmbeddings,
      allowsConfigMismatch: allowsConfigMismatch)
  }
}
