import Base
package import Recipes

/// A reader of files of jobs that reports all faults at once.
package struct BatchRecipeReader {
  /// The maximum number of faults that are reported; the others are counted.
  private static let faultLimit = 100

  private let path: String
  package let parser: any BatchStepParser
  private var faults: [FormatError] = []
  private var faultCount = 0
  private var seen: Set<String> = []
  /// The operations of steps that were parsed, by their words.
  package var operations: [[String]: (any BatchableOperation)?] = [:]
  /// The options of each verb that was asked for.
  package var optionNames: [String: [String: Bool]] = [:]

  package init(path: String, parser: any BatchStepParser) {
    self.path = path
    self.parser = parser
  }

  /// Returns the recipe of a parsed file.
  /// - Throws: All faults together.
  package mutating func recipe(_ value: RecipeValue) throws -> BatchRecipe {
    let recipe = checkedRecipe(value)
    var errors: [any UserError] = faults
    if faultCount > faults.count {
      errors.append(
        UsageError(
          "\(path.printable): \((faultCount - faults.count).counted("more fault")) not shown",
          hint: "correct the first ones"))
    }
    try SeveralErrors.throwIfAny(errors)
    return recipe
  }

  mutating func fault(_ line: Int, _ reason: Message, hint: Message? = nil) {
    // Models that share a step share its faults.
    guard seen.insert("\(line) \(reason)").inserted else { return }
    faultCount += 1
    guard faults.count < Self.faultLimit else { return }
    faults.append(
      FormatError(.batchJobs, "line \(line): " + reason, path: path, hint: hint))
  }

  // MARK: Keys

  private static let keys = ["output", "name", "keep", "defaults", "models", "steps"]
  private static let modelKeys = ["path", "name", "options"]

  private mutating func checkedRecipe(_ value: RecipeValue) -> BatchRecipe {
    var recipe = BatchRecipe()
    guard let members = map(value, "the file of jobs", keys: Self.keys) else { return recipe }
    recipe.output = members["output"].flatMap { text($0, "output") }
    recipe.name = members["name"].flatMap { text($0, "name") }
    if let keep = members["keep"] {
      if let flag = keep.asBool {
        recipe.keepsIntermediates = flag
      } else {
        fault(keep.line, "keep is \(keep.kind), expected true or false")
      }
    }
    let steps = members["steps"].map { self.steps($0) } ?? []
    if members["steps"] == nil { fault(value.line, "the key steps is missing") }
    let verbs = Set(steps.map(\.verb))
    let defaults = members["defaults"].map { options($0, "defaults", verbs: verbs) } ?? [:]
    recipe.steps = steps.compactMap { step($0, defaults, [:]) }
    guard let models = members["models"] else {
      fault(value.line, "the key models is missing")
      return recipe
    }
    guard let list = models.asList, !list.isEmpty else {
      fault(models.line, "models is \(models.kind), expected a list of paths or maps")
      return recipe
    }
    for item in list {
      if let model = model(item, steps, defaults, verbs: verbs) { recipe.models.append(model) }
    }
    return recipe
  }

  private mutating func model(
    _ value: RecipeValue, _ steps: [ParsedStep], _ defaults: [String: [BatchOption]],
    verbs: Set<String>
  ) -> BatchModel? {
    if let path = value.asString { return BatchModel(path: path) }
    guard let members = map(value, "a model", keys: Self.modelKeys) else { return nil }
    guard let path = members["path"].flatMap({ text($0, "path") }) else {
      if members["path"] == nil { fault(value.line, "the key path of the model is missing") }
      return nil
    }
    var model = BatchModel(path: path, name: members["name"].flatMap { text($0, "name") })
    if let own = members["options"] {
      let options = options(own, "options", verbs: verbs)
      model.steps = steps.compactMap { step($0, defaults, options) }
    }
    return model
  }

  /// Returns the members of a map by their keys, and reports unknown keys.
  private mutating func map(
    _ value: RecipeValue, _ place: Message, keys: [String]
  ) -> [String: RecipeValue]? {
    guard let members = value.asMap else {
      fault(
        value.line,
        place + " is \(value.kind), expected a map with the keys "
          + keys.joined(separator: ", "))
      return nil
    }
    var result: [String: RecipeValue] = [:]
    for member in members {
      if keys.contains(member.key) {
        result[member.key] = member.value
      } else {
        unknown(member.key, line: member.line, in: place, of: keys)
      }
    }
    return result
  }

  mutating func unknown(_ key: String, line: Int, in place: Message, of keys: [String]) {
    fault(
      line, place + " has no key '\(key.shown)'",
      hint: Nearest.name(key, of: keys).map { "did you mean '\($0)'?" }
        ?? "the keys are \(keys.joined(separator: ", "))")
  }

  private mutating func text(_ value: RecipeValue, _ key: Message) -> String? {
    guard let text = value.asString, !text.isEmpty else {
      fault(value.line, key + " is \(value.kind), expected a text")
      return nil
    }
    return text
  }
}
