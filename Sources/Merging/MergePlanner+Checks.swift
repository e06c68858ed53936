import Base
import Checkpoints
import Coefficients
import Recipes
import TensorCore

/// Checks of a recipe that need the tensors of its models.
extension MergePlanner {
  /// Reports filters that match no tensor name.
  mutating func checkFilters(_ rows: [MergeRow]) {
    var names = Set<UTF8Key>()
    for row in rows {
      names.insert(UTF8Key(row.name))
      for source in row.sources { names.insert(UTF8Key(source.name)) }
    }
    let scopes =
      recipe.sources.map(\.source.parameters) + recipe.slices.map(\.parameters)
      + recipe.modules.map(\.parameters) + [recipe.parameters]
    var seen: Set<UTF8Key> = []
    for choice in scopes.flatMap({ $0.choices.values.flatMap(\.self) }).sorted(by: {
      $0.line < $1.line
    }) {
      guard let filter = choice.filter, seen.insert(UTF8Key(filter)).inserted else { continue }
      if !names.contains(where: { $0.text.contains(filter) }) {
        fault(
          "line \(choice.line): filter '\(filter.shown)' matches no tensor name",
          hint: "list the names with: \(command: "inspect MODEL")")
      }
    }
  }

  /// Returns the combination of a tensor for the values of its parameters; nil if one is missing or wrong.
  mutating func combination(_ row: MergeRow, _ sources: [MergeRow.Source]) -> Combination? {
    var values = MethodValues(
      modelCount: sources.count, own: sources.map { _ in [:] }, shared: [:])
    var isWhole = true
    func kindFault(_ parameter: MergeParameter, _ value: MergeParameters.Value) -> String? {
      switch parameter.defaultValue {
      case .bool: value.asBool == nil ? "true or false" : nil
      case .optional where parameter.name == "int8_mask": nil
      case .number, .required, .optional: value.asNumber == nil ? "a number" : nil
      }
    }
    for parameter in method.parameters {
      let indices: [Int?] = parameter.isPerModel ? sources.indices.map { $0 } : [nil]
      for index in indices {
        let source = index.map { sources[$0] }
        var value = row.value(parameter, of: source)
        if parameter.name == "weight", let index, let coefficients = options.coefficients {
          value = coefficient(coefficients, row.name, index).map { .number($0) }
        }
        guard let value else {
          guard parameter.defaultValue == .required else { continue }
          isWhole = false
          let owner = source.map { " for \($0.model.printable)" } ?? ""
          unset.add(
            row.name, to: "\(method.name) needs '\(parameter.name)'\(owner)",
            hint: "add it to the parameters of the model or of the recipe")
          continue
        }
        if let expected = kindFault(parameter, value) {
          isWhole = false
          unset.add(row.name, to: "'\(parameter.name)' is not \(expected)")
          continue
        }
        if let index {
          values.own[index][parameter.name] = value
        } else {
          values.shared[parameter.name] = value
        }
      }
    }
    guard isWhole else { return nil }
    do throws(MergeFault) { return try method.combination(values) } catch {
      faults.add(row.name, to: error.reason, hint: error.hint)
      return nil
    }
  }

  // MARK: Coefficients

  private mutating func coefficient(
    _ table: MergeCoefficients, _ tensor: String, _ model: Int
  ) -> Double? {
    guard let row = table.row(of: tensor), let numbers = table.rows[row] else { return nil }
    return model < numbers.count ? numbers[model] : nil
  }

  /// Reports a table of coefficients whose method, models or rows do not fit the merge.
  mutating func checkCoefficients(_ tensors: [PlannedTensor]) {
    guard let table = options.coefficients else { return }
    guard method.parameters.contains(where: { $0.name == "weight" }) else {
      return fault(
        "\(setting: "coefficients") cannot be used with \(method.name), which has no weights")
    }
    let given = recipe.sources.filter { $0.source.parameters.choices["weight"] != nil }
    if let first = given.first {
      fault(
        "line \(first.source.line): the weight is given twice, by the recipe and by \(setting: "coefficients")",
        hint: "remove one of them")
    }
    let names = recipe.sources.filter { !(method.needsBase && $0.source.model == $0.base) }.map(
      \.source.model)
    if let columns = table.models,
      columns.count != names.count
        || zip(columns, names).contains(where: { column, name in
          column != name && FileSystem.ownName(of: name) != column
        })
    {
      fault(
        "\(table.path.printable): its models are \(columns.map(\.shown).joined(separator: ", ")), but the merge has "
          + names.map { FileSystem.ownName(of: $0).shown }.joined(separator: ", "),
        hint: "name the models in the order of the table")
    }
    checkTies(table)
    for (row, numbers) in table.rows.sorted(by: { $0.key < $1.key })
    where numbers.count != names.count {
      fault(
        "\(table.path.printable): row '\(row.printable)' has \(numbers.count.counted("coefficient")), "
          + "but the merge has \(names.count.counted("model"))")
    }
    let used = Set(tensors.compactMap { table.row(of: $0.info.name) })
    let unused = table.rows.keys.filter { !used.contains($0) }.sorted()
    if !unused.isEmpty {
      fault(
        "\(table.path.printable): no tensor uses the rows \(GroupedNames.list(unused))",
        hint: "check the names and the grouping, which is \(table.grouping.rawValue)")
    }
  }

  /// Reports a table that was learned for another share of the differences than the merge keeps.
  private mutating func checkTies(_ table: MergeCoefficients) {
    guard let learned = table.ties else { return }
    let used = recipe.ties
    guard learned != used else { return }
    func text(_ share: Double) -> Message {
      share == 1 ? "without \(setting: "ties")" : "\(setting: "ties", "\(share)")"
    }
    fault(
      "\(table.path.printable): its coefficients were learned " + text(learned)
        + ", but the merge is " + text(used),
      hint: learned == 1
        ? "leave out \(setting: "ties")"
        : "merge by \(setting: "method", AdaMerging.name) and \(setting: "ties", "\(learned)")")
  }

  /// Reports a global scope without a trim by magnitude, or with several densities for one model.
  mutating func checkScope(_ tensors: [PlannedTensor]) {
    guard options.scope == .global else {
      let trimmed = tensors.contains { tensor in
        guard case .taskVectors(let vectors) = tensor.combination else { return false }
        return vectors.electsPlainly
      }
      if trimmed {
        fault(
          "ties of \(method.name) holds for a part of the recipe, but is over the whole model",
          hint: "set it in the parameters of the recipe")
      }
      return
    }
    var trims: [[Trim]] = []
    for tensor in tensors {
      guard case .taskVectors(let vectors) = tensor.combination else { continue }
      let found = vectors.vectors.map(\.trim)
      if !trims.contains(found) { trims.append(found) }
    }
    guard trims.flatMap(\.self).contains(where: \.needsRanks) else {
      return fault(
        "\(setting: "scope") global has no effect: nothing is trimmed by magnitude",
        hint: "use it with ties or breadcrumbs and a density below 1")
    }
    if trims.count > 1 {
      fault(
        "\(setting: "scope") global needs one density for all tensors of a model",
        hint: "remove the filters and gradients from density and gamma")
    }
  }

  // MARK: Messages

  /// Converts the collected groups of names into errors and notes.
  mutating func report() {
    errors += missing.map { UsageError("\($0) \($1)", hint: $2) }
    errors += unequal.map { UsageError("\($1): \($0)", hint: $2) }
    errors += unmergeable.map { UsageError("\($1): \($0)", hint: $2) }
    errors += unset.map { UsageError("\($0): \($1)", hint: $2) }
    errors += faults.map { UsageError("\($1): \($0)", hint: $2) }
    notes += tied.map { text, names, _ in "\(names): \(text)" }
    notes += promoted.map { text, names, _ in "\(names): \(text)" }
  }
}
