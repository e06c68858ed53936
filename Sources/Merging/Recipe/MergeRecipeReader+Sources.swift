import Base
import Recipes

/// Models, slices and modules of recipes.
extension MergeRecipeReader {
  /// The maximum number of sources in the recipes of a file; an alias may repeat a list of sources.
  private static let sourceLimit = 1 << 14
  /// The maximum number of models that are merged with each other.
  private static let modelLimit = 1024

  mutating func parts(_ members: [String: RecipeValue]) -> MergeRecipe.Parts? {
    if let models = members["models"], !models.isEmpty {
      let values = list(models, "models", limit: Self.modelLimit)
      return .models(values.compactMap { source($0, isInSlice: false) })
    }
    if let slices = members["slices"], !slices.isEmpty {
      return .slices(list(slices, "slices", limit: Self.sourceLimit).compactMap { slice($0) })
    }
    return nil
  }

  private mutating func list(_ value: RecipeValue, _ what: String, limit: Int) -> [RecipeValue] {
    guard let list = value.asList, !list.isEmpty else {
      fault(value.line, "\(what) is \(value.kind), expected a nonempty list")
      return []
    }
    guard list.count <= limit else {
      fault(value.line, "\(what) has \(list.count.grouped) entries, the limit is \(limit.grouped)")
      return []
    }
    return list
  }

  mutating func modules(_ value: RecipeValue) -> [MergeRecipe.Module] {
    guard let map = value.asMap else {
      fault(value.line, "modules is \(value.kind), expected a map")
      return []
    }
    return map.compactMap { member in
      let inner = members(
        member.value, of: "module '\(member.key.shown)'",
        known: ["models", "slices", "parameters"])
      if ["models", "slices"].allSatisfy({ !(inner[$0]?.isEmpty ?? true) }) {
        fault(
          member.line,
          "module '\(member.key.shown)' has models and slices, expected only one of them")
      }
      guard let parts = parts(inner) else {
        fault(
          member.line, "module '\(member.key.shown)' has no models, expected models or slices")
        return nil
      }
      return MergeRecipe.Module(
        name: member.key, parts: parts,
        parameters: inner["parameters"].map { parameters($0) } ?? MergeParameters())
    }
  }

  // MARK: Sources

  private mutating func slice(_ value: RecipeValue) -> MergeRecipe.Slice? {
    let members = members(
      value, of: "a slice", known: ["sources", "base_model", "parameters", "residual_weight"])
    guard let sources = members["sources"] else {
      fault(value.line, "a slice has no sources")
      return nil
    }
    let found = list(sources, "sources", limit: Self.modelLimit).compactMap {
      source($0, isInSlice: true)
    }
    let lengths = Set(found.compactMap { $0.layers?.count })
    if lengths.count > 1 {
      let counts = lengths.sorted().prefix(4).map(String.init).joined(separator: " and ")
      fault(
        sources.line,
        "the sources of a slice have \(counts) layers, expected the same number in each",
        hint: "layer_range excludes its end: [0, 2] selects the layers 0 and 1")
    }
    return MergeRecipe.Slice(
      sources: found, base: optional(members["base_model"]).flatMap { model($0) },
      parameters: members["parameters"].map { parameters($0) } ?? MergeParameters(),
      line: value.line)
  }

  private mutating func source(_ value: RecipeValue, isInSlice: Bool) -> MergeRecipe.Source? {
    sourceCount += 1
    guard sourceCount <= Self.sourceLimit else {
      if sourceCount == Self.sourceLimit + 1 {
        fault(value.line, "there are more than \(Self.sourceLimit.grouped) sources")
      }
      return nil
    }
    // A model may be given by its path alone, without parameters.
    if !isInSlice, value.asString != nil {
      return model(value).map {
        MergeRecipe.Source(model: $0, parameters: MergeParameters(), line: value.line)
      }
    }
    let members = members(
      value, of: isInSlice ? "a source" : "a model",
      known: isInSlice ? ["model", "layer_range", "parameters"] : ["model", "parameters"])
    guard let name = members["model"].flatMap({ model($0) }) else {
      if members["model"] == nil { fault(value.line, "a source has no model") }
      return nil
    }
    return MergeRecipe.Source(
      model: name,
      layers: isInSlice ? layers(members["layer_range"], line: value.line) : nil,
      parameters: members["parameters"].map { parameters($0) } ?? MergeParameters(),
      line: value.line)
  }

  /// Returns the layers of a source, which may be empty.
  private mutating func layers(_ value: RecipeValue?, line: Int) -> Range<Int>? {
    let bounds = value?.asList?.compactMap(\.asInteger) ?? []
    guard bounds.count == 2, value?.asList?.count == 2, bounds[0] >= 0, bounds[0] <= bounds[1]
    else {
      fault(
        value?.line ?? line,
        "layer_range is missing or malformed, expected the first layer and the end",
        hint: "use, for example, layer_range: [0, 16] for the layers 0 to 15")
      return nil
    }
    return bounds[0]..<bounds[1]
  }

  // MARK: Models

  /// Returns the path of a model, given as text or as the map of mergekit.
  mutating func model(_ value: RecipeValue) -> String? {
    if let text = value.asString, !text.isEmpty { return text }
    if value.asMap != nil {
      let members = members(
        value, of: "a model",
        known: ["model", "path", "lora", "revision", "override_architecture"])
      if let inner = members["model"] ?? members["path"], var path = model(inner) {
        if let revision = optional(members["revision"]) {
          guard let text = revision.asString else {
            fault(revision.line, "revision is \(revision.kind), expected a text")
            return nil
          }
          path += "@" + text
        }
        if let architecture = optional(members["override_architecture"]) {
          notes.append(
            "line \(architecture.line): override_architecture is ignored: tensors are matched by name"
          )
        }
        guard let adapter = optional(members["lora"]) else { return path }
        return model(adapter).map { "\(path)+\($0)" }
      }
    }
    fault(value.line, "a model is \(value.kind), expected its path")
    return nil
  }
}

extension MergeRecipe {
  /// Lists the base as one more model where mergekit merges it as one: if the method has no role for a base, the base
  /// is not listed, and a shared scope sets the weight that each model needs.
  package mutating func listBase() {
    guard let base, let method = MergeMethods[method], !method.needsBase else { return }
    let required = method.parameters.filter { $0.isPerModel && $0.defaultValue == .required }
    func listed(_ parts: Parts, _ scopes: [MergeParameters]) -> Parts {
      guard case .models(let sources) = parts, !sources.contains(where: { $0.model == base }),
        required.contains(where: { parameter in
          scopes.contains { $0.choices[parameter.name] != nil }
        })
      else { return parts }
      return .models(
        sources + [Source(model: base, parameters: MergeParameters(), line: 0)])
    }
    let before = (parts, modules)
    parts = parts.map { listed($0, [parameters]) }
    for index in modules.indices {
      modules[index].parts = listed(modules[index].parts, [modules[index].parameters, parameters])
    }
    guard before != (parts, modules) else { return }
    notes.append(
      "\(method.name) has no base: base_model \(base.shown) is merged as one more model with the "
        + "weight of all models, as mergekit does")
  }
}
