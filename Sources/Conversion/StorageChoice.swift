package import Base
package import Checkpoints
package import Models
import PackedFormat
import Packing
import TensorCore

/// The form of storage for the tensors of a `.sumac` output: `--type`, `--terms`, `--tensor-type`, `--sparse`.
package struct StorageChoice: Sendable {
  /// A recipe for the tensors that match a pattern; the last matching rule decides.
  package struct Rule: Sendable {
    package var glob: Glob
    package var recipe: TermRecipe

    package init(glob: Glob, recipe: TermRecipe) {
      self.glob = glob
      self.recipe = recipe
    }
  }

  /// The recipe for all weights: matrices, convolutions, embeddings and experts of floats.
  package var recipe: TermRecipe?
  package var rules: [Rule]
  /// True if lossless tensors are stored sparse where that is smaller.
  package var findsZeros: Bool
  package var selection: Selection
  /// The types of weights whose types were chosen one by one.
  package var chosen: [UTF8Key: StorageType] = [:]
  /// The options that requested that choice, for the lineage.
  package var targetOptions: [Lineage.Option] = []

  package init(
    recipe: TermRecipe? = nil, rules: [Rule] = [], findsZeros: Bool = false,
    selection: Selection = Selection()
  ) {
    self.recipe = recipe
    self.rules = rules
    self.findsZeros = findsZeros
    self.selection = selection
  }

  package var isEmpty: Bool { recipe == nil && rules.isEmpty && !findsZeros }
  package var isLossy: Bool {
    recipe.map { !$0.isLossless } ?? false || rules.contains { !$0.recipe.isLossless }
  }

  /// Returns why the recipe for all weights does not apply to a tensor; nil if it applies.
  func reason(_ tensor: LazyTensor, _ roles: TensorRoles) -> OutOfScope.Reason? {
    if let exemption = roles.exemption(of: tensor.info) { return .exempt(exemption) }
    // Floats of 8 bits and fewer are already as small as most types.
    if !tensor.info.dtype.isPlainFloat { return .unfit }
    return selection.contains(tensor.name) ? nil : .notSelected
  }

  /// Returns true if the recipe for all weights, or a chosen type, applies to a tensor.
  package func applies(to tensor: LazyTensor, _ roles: TensorRoles) -> Bool {
    reason(tensor, roles) == nil
  }

  /// Returns the recipe for a tensor; nil to keep its form.
  package func recipe(for tensor: LazyTensor, _ roles: TensorRoles) -> TermRecipe? {
    if let rule = rules.last(where: { $0.glob.matches(tensor.name) }) { return rule.recipe }
    if let type = chosen[UTF8Key(tensor.name)] { return TermRecipe(dense: type) }
    return reason(tensor, roles) == nil ? recipe : nil
  }

  /// Returns true if the recipe for all weights decides about a tensor of the checkpoint.
  package func usesRecipe(for checkpoint: Checkpoint) -> Bool {
    let roles = TensorRoles(checkpoint)
    return checkpoint.tensors.contains { tensor in
      !rules.contains { $0.glob.matches(tensor.name) } && applies(to: tensor, roles)
    }
  }

  /// Returns why a recipe cannot store a tensor; nil if it can.
  static func fault(_ recipe: TermRecipe, _ tensor: LazyTensor, _ roles: TensorRoles) -> Message? {
    SumEncoding.fault(recipe, tensor.info, rows: roles.rows(of: tensor.info))
  }

  // MARK: Errors

  /// Returns all errors of the request for this checkpoint.
  package func errors(for checkpoint: Checkpoint) -> [any UserError] {
    var errors: [any UserError] = []
    guard recipe != nil || !rules.isEmpty else { return errors }
    let roles = TensorRoles(checkpoint)
    for rule in rules {
      let matches = checkpoint.tensors.filter { rule.glob.matches($0.name) }
      guard !matches.isEmpty else {
        errors.append(noMatch("tensor-type", rule.glob, checkpoint))
        continue
      }
      for tensor in matches where recipe(for: tensor, roles) == rule.recipe {
        guard let reason = Self.fault(rule.recipe, tensor, roles) else { continue }
        errors.append(
          UsageError(
            "tensor '\(tensor.name.printable)' cannot be stored as \(rule.recipe): \(reason)",
            hint:
              "give it a type of its own: \(setting: "tensor-type") '\(tensor.name.printable)=TYPE'"
          ))
      }
    }
    if let recipe, !recipe.isLossless {
      errors += self.errors(of: recipe, for: checkpoint, roles)
    }
    return errors
  }

  /// Returns the errors of the recipe for all weights.
  private func errors(
    of recipe: TermRecipe, for checkpoint: Checkpoint, _ roles: TensorRoles
  ) -> [any UserError] {
    let eligible = checkpoint.tensors.filter { reason($0, roles) == nil }
    guard let first = eligible.first else {
      let scope = outOfScope(checkpoint, roles).summary.map { ": \($0) are out of scope" } ?? ""
      return [
        UsageError(
          "\(recipe) applies to no tensor of \(checkpoint.path.printable)\(scope)",
          hint: "select tensors with \(setting: "tensor-type") 'PATTERN=\(recipe)'")
      ]
    }
    if let reason = Self.fault(recipe, first, roles),
      eligible.allSatisfy({ Self.fault(recipe, $0, roles) != nil })
    {
      return [UsageError("\(recipe) cannot be used for any tensor: \(reason)")]
    }
    let longest = eligible.map { roles.rows(of: $0.info).length }.max() ?? 0
    if let size = recipe.dense.flatMap(Self.explicitGroupSize), longest < size {
      return [
        UsageError(
          "\(recipe) has groups of \(size) values, but the longest row has \(longest)",
          hint: "use groups of at most \(longest), or whole rows with :row")
      ]
    }
    return []
  }

  /// Returns the checkpoint with a tensor of its own for each alias that is to be stored in another way than its tensor.
  package func untying(_ checkpoint: Checkpoint) -> Checkpoint {
    guard checkpoint.tensors.contains(where: { $0.aliasOf != nil }) else { return checkpoint }
    let roles = TensorRoles(checkpoint)
    var owners: [UTF8Key: LazyTensor] = [:]
    for tensor in checkpoint.tensors { owners[UTF8Key(tensor.name)] = tensor }
    var result = checkpoint
    for (index, tensor) in checkpoint.tensors.enumerated() {
      guard let target = tensor.aliasOf, let owner = owners[UTF8Key(target)],
        recipe(for: tensor, roles) != recipe(for: owner, roles)
          || (reason(tensor, roles) == nil) != (reason(owner, roles) == nil)
      else { continue }
      result.tensors[index].aliasOf = nil
    }
    return result
  }

  /// Returns a summary of the values that no lossy recipe applies to, with the reasons; nil if there are none, or if
  /// no recipe is lossy.
  package func scopeSummary(for checkpoint: Checkpoint) -> Message? {
    guard isLossy || !chosen.isEmpty else { return nil }
    return outOfScope(checkpoint, TensorRoles(checkpoint)).summary.map {
      "out of scope and kept without loss: \($0)"
    }
  }

  /// Returns the values that the recipe for all weights does not apply to.
  func outOfScope(_ checkpoint: Checkpoint, _ roles: TensorRoles) -> OutOfScope {
    var scope = OutOfScope()
    for tensor in checkpoint.tensors where tensor.aliasOf == nil {
      let recipe = recipe(for: tensor, roles)
      scope.add(
        tensor.info,
        recipe == nil
          ? reason(tensor, roles)
          : recipe.flatMap { Self.fault($0, tensor, roles) }.map { _ in .unfit })
    }
    return scope
  }

  /// Returns the group size of a type; nil if it is the default of the type.
  private static func explicitGroupSize(_ type: StorageType) -> Int? {
    guard case .size(let size) = type.groups, !type.hasDefaultGroups else { return nil }
    return size
  }

  // MARK: Application

  /// Sets the storage of each tensor, and returns notes about requests that could not be followed.
  package func applied(
    to checkpoint: Checkpoint
  ) -> (checkpoint: Checkpoint, notes: [Message]) {
    guard !isEmpty || !chosen.isEmpty else { return (checkpoint, []) }
    var result = checkpoint
    let roles = TensorRoles(checkpoint)
    var (unfit, cut): ([String], [String]) = ([], [])
    for index in result.tensors.indices where result.tensors[index].aliasOf == nil {
      let tensor = result.tensors[index]
      let recipe = recipe(for: tensor, roles)
      if let recipe, !recipe.isLossless {
        if Self.fault(recipe, tensor, roles) != nil {
          unfit.append(tensor.name)
        } else {
          let rows = roles.rows(of: tensor.info)
          if tensor.info.elementCount > 0, SumEncoding.cutsGroups(recipe, of: rows) {
            cut.append(tensor.name)
          }
          result.tensors[index].storage = .recipe(recipe, rows)
          continue
        }
      }
      // Tensors that are stored with loss are already small and would only grow.
      if findsZeros, SparseAutoEncoding.applies(to: tensor.info),
        recipe?.isLossless == true || !tensor.record.isLossy
      {
        result.tensors[index].storage = .losslessOrSparse
      } else if recipe?.isLossless == true {
        // Values of a packed file are encoded anew.
        result.tensors[index].storage = .lossless
      }
    }
    var notes = sparsityNotes(before: checkpoint, roles)
    if !unfit.isEmpty {
      notes.append("stored without loss because the type does not fit: \(Self.list(unfit))")
    }
    if !cut.isEmpty {
      notes.append("one group per row because rows are shorter than groups: \(Self.list(cut))")
    }
    return (result, notes)
  }

  /// Returns notes about the known zeros of tensors that were stored sparse, and of pruned models.
  private func sparsityNotes(
    before checkpoint: Checkpoint, _ roles: TensorRoles
  ) -> [Message] {
    guard isLossy || !chosen.isEmpty else { return [] }
    let wasPruned = checkpoint.lineage.steps.contains { $0.verb == "prune" }
    let lossy = checkpoint.tensors.filter { tensor in
      guard tensor.aliasOf == nil, let recipe = recipe(for: tensor, roles), !recipe.isLossless
      else {
        return false
      }
      return Self.fault(recipe, tensor, roles) == nil
    }
    var notes: [Message] = []
    let filled = lossy.filter { tensor in
      (wasPruned || tensor.record.isSparse) && recipe(for: tensor, roles)?.keepsZeros == false
    }
    if !filled.isEmpty {
      notes.append(
        "sparsity is lost: zeros do not stay zero in \(Self.list(filled.map(\.name)))")
    }
    let dense = lossy.filter { $0.record.isSparse && recipe(for: $0, roles)?.dense != nil }
    if !dense.isEmpty {
      notes.append(
        "previously sparse, now stored with a code for each zero: \(Self.list(dense.map(\.name)))")
    }
    return notes
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(4).map(\.printable).joined(separator: ", ")
    return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
  }

  // MARK: Lineage

  package var lineageOptions: [Lineage.Option] {
    var options: [Lineage.Option] = []
    if let recipe { options.append(Lineage.Option("terms", recipe.description)) }
    for rule in rules {
      options.append(Lineage.Option("tensor-type", "\(rule.glob.pattern)=\(rule.recipe)"))
    }
    if findsZeros { options.append(Lineage.Option("sparse", "auto")) }
    options += targetOptions
    return options
  }
}
