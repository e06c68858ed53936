package import Base
import Recipes

extension MergeRecipe {
  /// All sources, each with the base of its scope.
  var sources: [(source: Source, base: String?)] {
    allParts.flatMap { part in
      switch part {
      case .models(let sources): sources.map { ($0, base) }
      case .slices(let slices):
        slices.flatMap { slice in slice.sources.map { ($0, slice.base ?? base) } }
      }
    }
  }

  var slices: [Slice] {
    allParts.flatMap { part -> [Slice] in
      if case .slices(let slices) = part { slices } else { [] }
    }
  }

  /// The parts of the recipe and of its modules.
  var allParts: [Parts] { [parts].compactMap(\.self) + modules.map(\.parts) }

  /// The faults of the method and its parameters, which can be found without the models.
  package var parameterFaults: [any UserError] {
    guard !method.isEmpty else { return [] }
    guard let method = MergeMethods[method] else { return [unknownMethod] }
    var checks = RecipeChecks(recipe: self, method: method)
    checks.checkParameters()
    return checks.errors
  }

  var unknownMethod: UsageError {
    UsageError(
      "merge method '\(method.shown)' is not known",
      hint: Nearest.name(method, of: MergeMethods.names).map { "did you mean '\($0)'?" }
        ?? "the methods are: \(MergeMethods.names.joined(separator: ", "))")
  }
}

/// Checks of a recipe that go beyond its syntax and need no model.
struct RecipeChecks {
  let recipe: MergeRecipe
  let method: any MergeMethod.Type
  var errors: [any UserError] = []
  var notes: [Message] = []

  init(recipe: MergeRecipe, method: any MergeMethod.Type) {
    self.recipe = recipe
    self.method = method
  }

  private mutating func fault(_ reason: Message, hint: Message? = nil) {
    errors.append(UsageError(reason, hint: hint))
  }

  /// Reports a missing base, and parts of the recipe with a wrong number of models.
  mutating func checkModels() {
    let slices = recipe.slices
    if method.needsBase, recipe.base == nil,
      slices.contains(where: { $0.base == nil }) || slices.isEmpty
    {
      fault(
        "\(method.name) needs a base_model",
        hint:
          "name the model that the others were fine-tuned from with base_model or \(setting: "base")"
      )
    }
    for part in recipe.allParts {
      switch part {
      case .models(let sources): checkCount(sources, base: recipe.base)
      case .slices(let slices):
        for slice in slices { checkCount(slice.sources, base: slice.base ?? recipe.base) }
      }
    }
  }

  private mutating func checkCount(_ sources: [MergeRecipe.Source], base: String?) {
    let isBaseNamed = method.needsBase && sources.contains { $0.model == base }
    let count = sources.count - (isBaseNamed ? 1 : 0)
    guard !method.modelCounts.contains(count) else { return }
    let expected = method.modelCounts
    let number =
      expected.lowerBound == expected.upperBound
      ? "\(expected.lowerBound)" : "\(expected.lowerBound) or more"
    let line = sources.first.map { $0.line > 0 ? "line \($0.line): " : "" } ?? ""
    fault(
      "\(line)\(method.name) has \(count.counted("model")), expected \(number)"
        + "\(method.needsBase ? " in addition to the base" : "")",
      hint: count > expected.upperBound ? "merge two models at a time, or use another method" : nil)
  }

  // MARK: Parameters

  /// Reports parameters that the method does not have, or that are given in the wrong scope.
  mutating func checkParameters() {
    let own = Set(method.parameters.filter(\.isPerModel).map(\.name))
    let all = method.parameters.map(\.name)
    for (source, base) in recipe.sources {
      let isBase = method.needsBase && source.model == base
      for name in source.parameters.names {
        let line = source.parameters.choices[name]?.first?.line ?? source.line
        if isBase, own.contains(name) {
          notes.append(
            "line \(line): '\(name.shown)' of \(source.model.shown) is ignored because it is the base"
          )
        } else if !own.contains(name) {
          if all.contains(name) {
            fault(
              "line \(line): '\(name)' is not a parameter of a single model",
              hint: "move it to the recipe's parameters")
          } else {
            unread(name, line: line)
          }
        }
      }
    }
    let scopes =
      [recipe.parameters] + recipe.modules.map(\.parameters) + recipe.slices.map(\.parameters)
    for scope in scopes {
      for name in scope.names where !all.contains(name) {
        unread(name, line: scope.choices[name]?.first?.line ?? 0)
      }
    }
  }

  /// Parameters of mergekit that change how it works and not what it computes; recipes give them to any method.
  private static let withoutEffect: Set<String> = ["int8_mask"]

  private mutating func unread(_ name: String, line: Int) {
    guard !Self.withoutEffect.contains(name) else { return }
    let names = method.parameters.map(\.name)
    let location = line > 0 ? "line \(line): " : ""
    fault(
      "\(location)\(method.name) has no parameter '\(name.shown)'",
      hint: MergeRecipeReader.place(ofKey: name)
        ?? Nearest.name(name, of: names).map { "did you mean '\($0)'?" }
        ?? "its parameters are: \(names.joined(separator: ", "))")
  }
}
