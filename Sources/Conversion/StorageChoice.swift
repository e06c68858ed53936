package import Base
package import Checkpoints
import PackedFormat
import Packing
package import TensorCore

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

  /// The recipe for weights: float tensors of two or more dimensions with `weight` in the last part of their name.
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

  /// True if a type for all weights applies to the tensor.
  package static func isWeight(_ info: TensorInfo) -> Bool {
    info.dtype.isPlainFloat && info.isWeight
  }

  /// Returns the recipe for a tensor; nil to keep its form.
  package func recipe(for tensor: LazyTensor) -> TermRecipe? {
    if let rule = rules.last(where: { $0.glob.matches(tensor.name) }) { return rule.recipe }
    if let type = chosen[UTF8Key(tensor.name)] { return TermRecipe(dense: type) }
    return Self.isWeight(tensor.info) && selection.contains(tensor.name) ? recipe : nil
  }

  // MARK: Errors

  /// Returns all errors of the request for this checkpoint.
  package func errors(for checkpoint: Checkpoint) -> [any UserError] {
    var errors: [any UserError] = []
    for rule in rules {
      let matches = checkpoint.tensors.filter { rule.glob.matches($0.name) }
      guard !matches.isEmpty else {
        errors.append(noMatch("tensor-type", rule.glob, checkpoint))
        continue
      }
      for tensor in matches where recipe(for: tensor) == rule.recipe {
        guard let reason = SumEncoding.fault(rule.recipe, tensor.info) else { continue }
        errors.append(
          UsageError(
            "tensor '\(tensor.name.printable)' cannot be stored as \(rule.recipe): \(reason)",
            hint:
              "give it a type of its own: \(setting: "tensor-type") '\(tensor.name.printable)=TYPE'"
          ))
      }
    }
    if let recipe, !recipe.isLossless {
      let eligible = checkpoint.tensors.filter {
        Self.isWeight($0.info) && selection.contains($0.name)
      }
      if eligible.isEmpty {
        errors.append(
          UsageError(
            "\(recipe) applies to no tensor of \(checkpoint.path.printable): it has no float tensor of two "
              + "or more dimensions with 'weight' in the last part of its name",
            hint: "select tensors with \(setting: "tensor-type") 'PATTERN=\(recipe)'"))
      } else if eligible.allSatisfy({ SumEncoding.fault(recipe, $0.info) != nil }),
        let reason = SumEncoding.fault(recipe, eligible[0].info)
      {
        errors.append(UsageError("\(recipe) cannot be used for any tensor: \(reason)"))
      } else if let size = recipe.dense.flatMap(Self.explicitGroupSize),
        eligible.allSatisfy({ $0.info.shape.columnCount < size })
      {
        let longest = eligible.map(\.info.shape.columnCount).max() ?? 0
        errors.append(
          UsageError(
            "\(recipe) has groups of \(size) values, but the longest row has \(longest)",
            hint: "use groups of at most \(longest), or whole rows with :row"))
      }
    }
    return errors
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
    var result = checkpoint
    var (unfit, cut): ([String], [String]) = ([], [])
    for index in result.tensors.indices where result.tensors[index].aliasOf == nil {
      let tensor = result.tensors[index]
      let recipe = recipe(for: tensor)
      if let recipe, !recipe.isLossless {
        if SumEncoding.fault(recipe, tensor.info) != nil {
          unfit.append(tensor.name)
        } else {
          if tensor.info.elementCount > 0, SumEncoding.cutsGroups(recipe, of: tensor.info) {
            cut.append(tensor.name)
          }
          result.tensors[index].storage = .recipe(recipe)
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
    var notes = sparsityNotes(before: checkpoint)
    if !unfit.isEmpty {
      notes.append("stored without loss because the type does not fit: \(Self.list(unfit))")
    }
    if !cut.isEmpty {
      notes.append("one group per row because rows are shorter than groups: \(Self.list(cut))")
    }
    return (result, notes)
  }

  /// Returns notes about the known zeros of tensors that were stored sparse, and of pruned models.
  private func sparsityNotes(before checkpoint: Checkpoint) -> [Message] {
    guard isLossy || !chosen.isEmpty else { return [] }
    let wasPruned = checkpoint.lineage.steps.contains { $0.verb == "prune" }
    let lossy = checkpoint.tensors.filter { tensor in
      guard tensor.aliasOf == nil, let recipe = recipe(for: tensor), !recipe.isLossless else {
        return false
      }
      return SumEncoding.fault(recipe, tensor.info) == nil
    }
    var notes: [Message] = []
    let filled = lossy.filter { tensor in
      (wasPruned || tensor.record.isSparse) && recipe(for: tensor)?.keepsZeros == false
    }
    if !filled.isEmpty {
      notes.append(
        "sparsity is lost: zeros do not stay zero in \(Self.list(filled.map(\.name)))")
    }
    let dense = lossy.filter { $0.record.isSparse && recipe(for: $0)?.dense != nil }
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
