import Base
package import Recipes
import TensorCore

/// A reader of recipes that reports all faults of a recipe at once.
package struct MergeRecipeReader {
  private let path: String
  private var errors: [any UserError] = []

  private init(path: String) { self.path = path }

  /// Returns the recipe of a parsed YAML or JSON file.
  ///
  /// - Throws: All faults of the recipe together, each with its line.
  package static func recipe(_ value: RecipeValue, path: String) throws -> MergeRecipe {
    var reader = MergeRecipeReader(path: path)
    let recipe = reader.recipe(value)
    try SeveralErrors.throwIfAny(reader.errors)
    return recipe
  }

  private mutating func fault(_ line: Int, _ reason: Message, hint: Message? = nil) {
    errors.append(
      UsageError("\(path.printable): line \(line): \(reason)", hint: hint))
  }

  // MARK: Members

  /// Returns the members of a map by key, and adds an error for each unknown key.
  private mutating func members(
    _ value: RecipeValue, of what: String, known: [String]
  ) -> [String: RecipeValue] {
    guard let map = value.asMap else {
      fault(value.line, "\(what) is \(value.kind), expected a map")
      return [:]
    }
    var members: [String: RecipeValue] = [:]
    for member in map {
      guard known.contains(member.key) else {
        let nearest: Message? = Nearest.name(member.key, of: known).map { "did you mean '\($0)'?" }
        fault(
          member.value.line, "\(what) has no key '\(member.key.printable)'",
          hint: nearest ?? "the keys are: \(known.joined(separator: ", "))")
        continue
      }
      members[member.key] = member.value
    }
    return members
  }

  // MARK: Recipe

  private static let keys = [
    "merge_method", "base_model", "models", "slices", "modules", "parameters", "dtype", "out_dtype",
    "tokenizer_source", "tokenizer", "chat_template", "name",
  ]

  private mutating func recipe(_ value: RecipeValue) -> MergeRecipe {
    let members = members(value, of: "the recipe", known: Self.keys)
    for key in ["tokenizer", "chat_template"] where members[key] != nil {
      fault(
        members[key]!.line, "'\(key)' is not supported: tokenizers are copied from the base",
        hint: "remove it")
    }
    if let source = members["tokenizer_source"], source.asString != "base" {
      fault(
        source.line, "tokenizer_source is not base: vocabularies cannot be aligned",
        hint: "merge models with the same vocabulary, and remove tokenizer_source")
    }
    let given = ["models", "slices", "modules"].filter { members[$0] != nil }
    if given.count != 1 {
      fault(
        value.line,
        given.isEmpty
          ? "there are no models, expected one of models, slices and modules"
          : "\(given.joined(separator: " and ")) are given, expected only one of them")
    }
    var method = ""
    if let text = members["merge_method"]?.asString {
      method = text
    } else {
      fault(members["merge_method"]?.line ?? value.line, "merge_method is missing")
    }
    return MergeRecipe(
      method: method, base: members["base_model"].flatMap { model($0) },
      parts: parts(members), modules: members["modules"].map { modules($0) } ?? [],
      parameters: members["parameters"].map { parameters($0) } ?? MergeParameters(),
      dtype: members["dtype"].flatMap { dtype($0) },
      outDType: members["out_dtype"].flatMap { dtype($0) })
  }

  private mutating func parts(_ members: [String: RecipeValue]) -> MergeRecipe.Parts? {
    if let models = members["models"] {
      return .models(list(models, "models").compactMap { source($0, isInSlice: false) })
    }
    if let slices = members["slices"] {
      return .slices(list(slices, "slices").compactMap { slice($0) })
    }
    return nil
  }

  private mutating func list(_ value: RecipeValue, _ what: String) -> [RecipeValue] {
    guard let list = value.asList, !list.isEmpty else {
      fault(value.line, "\(what) is \(value.kind), expected a nonempty list")
      return []
    }
    return list
  }

  private mutating func modules(_ value: RecipeValue) -> [MergeRecipe.Module] {
    guard let map = value.asMap else {
      fault(value.line, "modules is \(value.kind), expected a map")
      return []
    }
    return map.compactMap { member in
      let inner = members(
        member.value, of: "module '\(member.key.printable)'",
        known: ["models", "slices", "parameters"])
      guard let parts = parts(inner) else {
        fault(
          member.value.line,
          "module '\(member.key.printable)' has no models, expected models or slices")
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
    let found = list(sources, "sources").compactMap { source($0, isInSlice: true) }
    let lengths = Set(found.compactMap { $0.layers?.count })
    if lengths.count > 1 {
      fault(
        sources.line,
        "the sources of a slice have \(lengths.sorted().map(String.init).joined(separator: " and ")) "
          + "layers, expected the same number in each",
        hint: "layer_range excludes its end: [0, 2] selects the layers 0 and 1")
    }
    return MergeRecipe.Slice(
      sources: found, base: members["base_model"].flatMap { model($0) },
      parameters: members["parameters"].map { parameters($0) } ?? MergeParameters(),
      line: value.line)
  }

  private mutating func source(_ value: RecipeValue, isInSlice: Bool) -> MergeRecipe.Source? {
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
    var layers: Range<Int>?
    if isInSlice {
      let bounds = members["layer_range"]?.asList?.compactMap(\.asInteger) ?? []
      if bounds.count == 2, bounds[0] >= 0, bounds[0] < bounds[1] {
        layers = bounds[0]..<bounds[1]
      } else {
        fault(
          members["layer_range"]?.line ?? value.line,
          "layer_range is missing or malformed, expected the first layer and the end",
          hint: "use, for example, layer_range: [0, 16] for the layers 0 to 15")
      }
    }
    return MergeRecipe.Source(
      model: name, layers: layers,
      parameters: members["parameters"].map { parameters($0) } ?? MergeParameters(),
      line: value.line)
  }

  /// Returns the path of a model, given as text or as the map of mergekit.
  private mutating func model(_ value: RecipeValue) -> String? {
    if let text = value.asString, !text.isEmpty { return text }
    if value.asMap != nil {
      let members = members(value, of: "a model", known: ["model", "path", "lora"])
      if let inner = members["model"] ?? members["path"], let path = model(inner) {
        guard let adapter = members["lora"], adapter.content != .null else { return path }
        return model(adapter).map { "\(path)+\($0)" }
      }
    }
    fault(value.line, "a model is \(value.kind), expected its path")
    return nil
  }

  private mutating func dtype(_ value: RecipeValue) -> DType? {
    let names: [String: DType] = [
      "float16": .f16, "bfloat16": .bf16, "float32": .f32, "float64": .f64,
    ]
    if let text = value.asString, let dtype = names[text] { return dtype }
    fault(
      value.line, "dtype '\(value.asString?.printable ?? value.kind)' is not supported",
      hint: "use float16, bfloat16, float32 or float64")
    return nil
  }

  // MARK: Parameters

  private mutating func parameters(_ value: RecipeValue) -> MergeParameters {
    guard let map = value.asMap else {
      if value.content != .null { fault(value.line, "parameters is \(value.kind), expected a map") }
      return MergeParameters()
    }
    var choices: [String: [MergeParameters.Choice]] = [:]
    for member in map { choices[member.key] = self.choices(member.value, of: member.key) }
    return MergeParameters(choices)
  }

  private mutating func choices(
    _ value: RecipeValue, of name: String
  ) -> [MergeParameters.Choice] {
    // Only the maps of a list have filters; any other value applies to all tensors.
    let parts: [RecipeValue]
    if let list = value.asList, list.contains(where: { $0.asMap != nil }) {
      parts = list
    } else if value.asMap != nil {
      parts = [value]
    } else {
      return self.value(value, of: name).map {
        [MergeParameters.Choice(filter: nil, value: $0, line: value.line)]
      } ?? []
    }
    return parts.compactMap { part in
      let members = members(part, of: "a value of '\(name.printable)'", known: ["filter", "value"])
      guard let inner = members["value"], let found = self.value(inner, of: name) else {
        if members["value"] == nil {
          fault(part.line, "'\(name.printable)' has no value, expected the key 'value'")
        }
        return nil
      }
      let filter = members["filter"]?.asString
      return MergeParameters.Choice(
        filter: filter == "*" ? nil : filter, value: found, line: part.line)
    }
  }

  private mutating func value(_ value: RecipeValue, of name: String) -> MergeParameters.Value? {
    if let number = value.asNumber, number.isFinite { return .number(number) }
    if let flag = value.asBool { return .bool(flag) }
    if let list = value.asList, !list.isEmpty {
      let numbers = list.compactMap(\.asNumber)
      if numbers.count == list.count, numbers.allSatisfy(\.isFinite) { return .gradient(numbers) }
      let flags = list.compactMap(\.asBool)
      if flags.count == list.count { return .bools(flags) }
    }
    fault(
      value.line,
      "'\(name.printable)' is \(value.kind), expected a number, true or false, or a list of these")
    return nil
  }
}
