import ArgumentParser
import Base
import Checkpoints
import Containers
import Merging
import Recipes
import TensorCore

/// What `merge` computes: a recipe, or its parts.
struct MergeFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A merge recipe in mergekit's YAML; the options below override it.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "json"]))
  var recipe: String?

  @Option(
    help: ArgumentHelp(
      "How to merge: \(MergeMethods.names.joined(separator: ", ")).", valueName: "method"),
    completion: .list(MergeMethods.names))
  var method: String?

  @Option(
    help: ArgumentHelp("The model that the others were tuned from.", valueName: "model"),
    completion: .file())
  var base: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A weight for all models, or for the one of that name; may be repeated.",
      valueName: "[name=]x"))
  var weight: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The share of a difference that is kept, as 0.5 or 50%.", valueName: "[name=]share"))
  var density: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "breadcrumbs: the share of the largest that goes; 0.01 if not given.",
      valueName: "[name=]share"))
  var gamma: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "della: how far chances lie from the density; 0.15 if not given.", valueName: "[name=]x"))
  var epsilon: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("passthrough: what values are multiplied by.", valueName: "[name=]x"))
  var scale: [ModelValue] = []

  @Option(parsing: .unconditional, help: "slerp: 0 is the base, 1 the other model.")
  var t: Double?

  @Option(
    name: .customLong("lambda"), parsing: .unconditional,
    help: "What the sum of differences is multiplied by.")
  var lambda: Double?

  @Flag(
    inversion: .prefixedNo,
    help:
      "Divide by the sum of weights, or of those that count; the method's own choice if not given.")
  var normalize: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "Scale trimmed differences to the size they had; the method's own choice if not given.")
  var rescale: Bool?

  @Option(help: "Round inputs to this dtype first: f16, bf16, f32 or f64.")
  var dtype: FloatChoice?

  @Option(help: "Write this dtype; --dtype, else that of the inputs, if not given.")
  var outDtype: FloatChoice?

  @Option(help: "dare, della: what chance depends on beside names and places.")
  var seed: UInt64 = 0

  @Option(
    help: "ties, breadcrumbs: compare magnitudes within each tensor, or of all: tensor, global.")
  var scope = MergeOptions.Scope.tensor

  @Option(
    help: ArgumentHelp(
      "Weights from a table of JSON or YAML: per task, tensor, fused qkv or block.",
      valueName: "file"), completion: .file(extensions: ["json", "yaml", "yml"]))
  var coefficients: String?

  @Flag(help: "Cut embeddings of different lengths to the shortest.")
  var unsafeTruncateEmbeddings = false
}

extension MergeFlags {
  /// The recipe that file and options make together.
  func mergeRecipe(models: [String]) throws -> MergeRecipe {
    var result: MergeRecipe
    if let recipe {
      guard models.isEmpty else {
        throw UsageError(
          "models are named on the command line and by --recipe", hint: "leave out one of them")
      }
      result = try MergeRecipeReader.recipe(RecipeFile.read(recipe), path: recipe)
      if let method { result.method = method }
      if let base { result.base = base }
    } else {
      guard let method else {
        throw UsageError(
          "how to merge is not said",
          hint: "give --method, one of \(MergeMethods.names.joined(separator: ", ")), or --recipe")
      }
      guard !models.isEmpty else {
        throw UsageError("no models are named", hint: "sumac merge A/ B/ --method linear -o OUT/")
      }
      result = MergeRecipe(method: method, base: base, models: models)
      if MergeMethods[method]?.parameters.contains(where: { $0.name == "weight" }) == true,
        coefficients == nil
      {
        // What --weight does not say is 1.
        result.override("weight", with: .number(1))
      }
    }
    if let dtype { result.dtype = dtype.dtype }
    if let outDtype { result.outDType = outDtype.dtype }
    for (name, value) in [("t", t), ("lambda", lambda)] {
      if let value { result.override(name, with: .number(value)) }
    }
    for (name, value) in [("normalize", normalize), ("rescale", rescale)] {
      if let value { result.override(name, with: .bool(value)) }
    }
    try overrideModels(of: &result)
    return result
  }

  private func overrideModels(of recipe: inout MergeRecipe) throws {
    let given = [
      ("weight", weight), ("density", density), ("gamma", gamma), ("epsilon", epsilon),
      ("scale", scale),
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
      }, selection: selection, truncatesEmbeddings: unsafeTruncateEmbeddings)
  }
}

/// `0.5`, or `NAME=0.5`.
struct ModelValue: ExpressibleByArgument {
  var model: String?
  var number: Double

  init?(argument: String) {
    let place = argument.lastIndex(of: "=")
    model = place.map { String(argument[..<$0]) }
    let text = place.map { argument[argument.index(after: $0)...] } ?? argument[...]
    let isPercent = text.hasSuffix("%")
    guard let number = Double(isPercent ? text.dropLast() : text), number.isFinite else {
      return nil
    }
    self.number = isPercent ? number / 100 : number
  }
}

extension ModelValue {
  /// Whether the name means what a path leads to: the path itself, its last part, or that without the
  /// suffix of a format.
  func isMeant(for path: String) -> Bool {
    guard let model else { return true }
    let name = FileSystem.ownName(of: path)
    let stem = Containers.registry.all.compactMap { $0.suffix }.first { name.hasSuffix($0) }.map {
      String(name.dropLast($0.count))
    }
    return [path, name, stem ?? name].contains(model)
  }
}

extension MergeOptions.Scope: ExpressibleByArgument {}
