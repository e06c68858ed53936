package import Base
package import Recipes
import TensorCore

/// A reader of recipes that reports all faults of a file at once.
package struct MergeRecipeReader {
  /// A recipe of a file with several documents.
  package struct Document {
    /// The name under which other recipes of the file use the result.
    package var name: String?
    package var recipe: MergeRecipe
    package var line: Int
  }

  /// The maximum number of faults that are reported; the others are counted.
  private static let faultLimit = 100

  let path: String
  private var faults: [any UserError] = []
  private var faultCount = 0
  /// The notes of the recipe that is read.
  var notes: [Message] = []
  /// The number of sources that were read, which `sourceLimit` bounds.
  var sourceCount = 0
  /// The number of values with filters that were read, which `filterLimit` bounds.
  var filterCount = 0

  private init(path: String) { self.path = path }

  /// Returns the recipe of a parsed YAML or JSON file.
  ///
  /// - Throws: All faults of the recipe together, each with its line.
  package static func recipe(_ value: RecipeValue, path: String) throws -> MergeRecipe {
    var reader = MergeRecipeReader(path: path)
    var recipe = reader.recipe(value).recipe
    recipe.listBase()
    try SeveralErrors.throwIfAny(reader.errors)
    return recipe
  }

  /// Returns the recipes of the documents of a file, and all their faults, each with its line.
  ///
  /// Empty documents are left out. If there are errors, the recipes are incomplete.
  package static func recipes(
    _ documents: [RecipeValue], path: String
  ) -> (documents: [Document], errors: [any UserError]) {
    var reader = MergeRecipeReader(path: path)
    let found = documents.filter { $0.content != .null }.map { reader.recipe($0) }
    if found.isEmpty { reader.fault(1, "there is no recipe") }
    return (found, reader.errors)
  }

  private var errors: [any UserError] {
    guard faultCount > faults.count else { return faults }
    return faults + [
      UsageError(
        "\(path.printable): \((faultCount - faults.count).counted("more fault")) not shown",
        hint: "correct the first ones")
    ]
  }

  mutating func fault(_ line: Int, _ reason: Message, hint: Message? = nil) {
    faultCount += 1
    guard faults.count < Self.faultLimit else { return }
    faults.append(UsageError("\(path.printable): line \(line): " + reason, hint: hint))
  }

  // MARK: Members

  /// Returns the members of a map by key, and adds an error for each unknown key.
  mutating func members(
    _ value: RecipeValue, of what: Message, known: [String]
  ) -> [String: RecipeValue] {
    guard let map = value.asMap else {
      fault(value.line, what + " is \(value.kind), expected a map")
      return [:]
    }
    var members: [String: RecipeValue] = [:]
    for member in map {
      guard known.contains(member.key) else {
        let remedy = Self.remedy(unknown: member.key, known: known)
        // A value that only holds anchors for the rest of the recipe has any key.
        if member.isReferenced || (member.hasAnchors && remedy == nil) { continue }
        fault(
          member.line, what + " has no key '\(member.key.shown)'",
          hint: remedy ?? "the keys are: \(known.joined(separator: ", "))")
        continue
      }
      members[member.key] = member.value
    }
    return members
  }

  /// Returns where an unknown key belongs, or the key that was probably meant; nil if there is none.
  private static func remedy(unknown key: String, known: [String]) -> Message? {
    let parameters = Set(MergeMethods.all.flatMap { $0.parameters.map(\.name) }).sorted()
    let scope: Message =
      known.contains("parameters") ? "under parameters" : "under the recipe's parameters"
    if parameters.contains(key) { return "put '\(key)' " + scope }
    if !known.contains("merge_method"), let place = place(ofKey: key) { return place }
    if key == "layer_range" { return "use slices, whose sources select layers" }
    if let nearest = Nearest.name(key, of: known) { return "did you mean '\(nearest)'?" }
    return Nearest.name(key, of: parameters).map { "did you mean '\($0)' " + scope + "?" }
  }

  /// Returns where a key of the recipe belongs; nil if it is not one.
  static func place(ofKey key: String) -> Message? {
    keys.contains(key) ? "put '\(key)' at the top level of the recipe" : nil
  }

  // MARK: Recipe

  private static let keys = [
    "merge_method", "base_model", "models", "slices", "modules", "parameters", "dtype", "out_dtype",
    "tokenizer_source", "tokenizer", "chat_template", "name",
  ]

  private mutating func recipe(_ value: RecipeValue) -> Document {
    notes = []
    let members = members(value, of: "the recipe", known: Self.keys)
    let tokenizer = tokenizer(members)
    // mergekit treats an empty list or map like a missing key.
    let given = ["models", "slices", "modules"].filter { !(members[$0]?.isEmpty ?? true) }
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
    var name: String?
    if let given = members["name"], given.content != .null {
      name = given.asString
      if name == nil { fault(given.line, "name is \(given.kind), expected a text") }
    }
    var recipe = MergeRecipe(
      method: method, base: optional(members["base_model"]).flatMap { model($0) },
      parts: parts(members),
      modules: given.contains("modules") ? members["modules"].map { modules($0) } ?? [] : [],
      parameters: members["parameters"].map { parameters($0) } ?? MergeParameters(),
      dtype: optional(members["dtype"]).flatMap { dtype($0) },
      outDType: optional(members["out_dtype"]).flatMap { dtype($0) }, tokenizer: tokenizer)
    recipe.notes = notes
    return Document(name: name, recipe: recipe, line: value.line)
  }

  /// Returns nil for a missing value and for null.
  func optional(_ value: RecipeValue?) -> RecipeValue? {
    value.flatMap { $0.content == .null ? nil : $0 }
  }

  private mutating func dtype(_ value: RecipeValue) -> DType? {
    let names: [String: DType] = [
      "float16": .f16, "bfloat16": .bf16, "float32": .f32, "float64": .f64,
    ]
    let prefix = "torch."
    if let text = value.asString,
      let dtype = names[text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text]
    {
      return dtype
    }
    fault(
      value.line, "dtype '\(value.asString?.shown ?? value.kind)' is not supported",
      hint: "use float16, bfloat16, float32 or float64")
    return nil
  }

  // MARK: Tokenizer

  private mutating func tokenizer(
    _ members: [String: RecipeValue]
  ) -> MergeRecipe.TokenizerSource? {
    if let template = optional(members["chat_template"]) {
      fault(
        template.line, "'chat_template' is not supported: the template of the base is copied",
        hint: "remove it")
    }
    let short = optional(members["tokenizer_source"])
    guard let value = optional(members["tokenizer"]) else { return short.flatMap { source($0) } }
    if short != nil {
      fault(value.line, "tokenizer and tokenizer_source are given, expected only one of them")
    }
    let inner = self.members(
      value, of: "tokenizer", known: ["source", "tokens", "pad_to_multiple_of"])
    for key in ["tokens", "pad_to_multiple_of"] {
      guard let value = optional(inner[key]), !value.isEmpty else { continue }
      fault(
        value.line, "'\(key)' is not supported: embeddings are not rearranged", hint: "remove it")
    }
    guard let source = optional(inner["source"]) else {
      fault(value.line, "tokenizer has no source", hint: "use source: base, or remove tokenizer")
      return nil
    }
    return self.source(source)
  }

  private mutating func source(_ value: RecipeValue) -> MergeRecipe.TokenizerSource? {
    switch value.asString {
    case "base": .base
    case "union": .union
    default: model(value).map { .model($0) }
    }
  }
}

extension RecipeValue {
  /// True for null and for a list or map without members.
  var isEmpty: Bool {
    switch content {
    case .null: true
    case .list(let list): list.isEmpty
    case .map(let members): members.isEmpty
    case .bool, .integer, .number, .string: false
    }
  }
}
