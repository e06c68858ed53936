import Base
import Checkpoints
import Models
import TensorCore

/// Plans the tensors of a merge, and collects all errors that can be found from headers.
struct MergePlanner {
  let recipe: MergeRecipe
  let method: any MergeMethod.Type
  let options: MergeOptions
  let models: [String: Checkpoint]
  /// The index of each tensor in its model, by model and tensor name.
  let tensorIndices: [String: [UTF8Key: Int]]

  var errors: [any UserError] = []
  var notes: [Message] = []
  /// The number of layers of the output, if slices are stacked.
  var layerCount: Int?
  /// The source layer of each output layer, as an index into the layers of the base.
  var layerPicks: [Int] = []

  // Faults and notes that several tensors may share; each group becomes one message.
  var missing = GroupedNames()
  var unset = GroupedNames()
  var unequal = GroupedNames()
  var unmergeable = GroupedNames()
  var faults = GroupedNames()
  var tied = GroupedNames()
  var promoted = GroupedNames()

  init(
    _ recipe: MergeRecipe, method: any MergeMethod.Type, models: [String: Checkpoint],
    options: MergeOptions
  ) {
    self.recipe = recipe
    self.method = method
    self.options = options
    self.models = models
    tensorIndices = models.mapValues { checkpoint in
      var tensorIndices: [UTF8Key: Int] = [:]
      for (index, tensor) in checkpoint.tensors.enumerated() {
        tensorIndices[UTF8Key(tensor.name)] = index
      }
      return tensorIndices
    }
  }

  /// Adds an error.
  mutating func fault(_ reason: Message, hint: Message? = nil) {
    errors.append(UsageError(reason, hint: hint))
  }

  /// Returns the tensors of the output that can be planned; faults are collected in `errors`.
  mutating func tensors() -> [PlannedTensor] {
    var checks = RecipeChecks(recipe: recipe, method: method)
    checks.checkModels()
    // No tensors can be planned without the models.
    let areModelsComplete = checks.errors.isEmpty
    checks.checkParameters()
    errors += checks.errors
    notes += recipe.notes + checks.notes
    guard areModelsComplete else { return [] }
    let rows = rows()
    checkFilters(rows)
    let tensors = linkingAliases(rows.compactMap { tensor(of: $0) })
    checkCoefficients(tensors)
    checkScope(tensors)
    report()
    return tensors
  }

  // MARK: One tensor

  /// Returns the tensor of a model with a name; nil if there is none.
  func tensor(_ name: String, of model: String) -> LazyTensor? {
    guard let index = tensorIndices[model]?[UTF8Key(name)] else { return nil }
    return models[model]?.tensors[index]
  }

  private func operand(_ tensor: LazyTensor, of model: String) -> Operand {
    Operand(tensor, path: models[model]?.path ?? model, dtype: recipe.dtype)
  }

  private mutating func tensor(of row: MergeRow) -> PlannedTensor? {
    guard row.isMerged, options.selection.contains(row.name) else { return unselected(row) }
    var sources = row.sources
    var found: [(model: String, tensor: LazyTensor)] = []
    if let base = row.base {
      let index = sources.firstIndex { $0.model == base }
      guard let name = index.map({ sources[$0].name }) ?? row.baseName else {
        faults.add(
          row.name, to: "base_model \(base.printable) is not a source of the slice",
          hint: "add it to the sources of the slice, with its layers")
        return nil
      }
      if let index { sources.remove(at: index) }
      found += operand(name, of: base, for: row)
    }
    for source in sources { found += operand(source.name, of: source.model, for: row) }
    guard found.count == sources.count + (row.base == nil ? 0 : 1), let first = found.first else {
      return nil
    }
    guard found.allSatisfy({ $0.tensor.info.dtype.isPlainFloat }) else {
      return copied(row, first, twins: Array(found.dropFirst()))
    }
    guard let shape = commonShape(found, row) else { return nil }
    guard let combination = combination(row, sources) else { return nil }
    let dtype = dtype(found, row)
    // The initializer refuses shapes whose byte count exceeds the limits; plain floats fill whole bytes.
    guard let info = try? TensorInfo(name: row.name, dtype: dtype, shape: shape) else {
      return nil
    }
    let isCopied =
      combination == .one(scale: nil) && first.tensor.info.dtype == dtype
      && first.tensor.info.shape == shape && (recipe.dtype ?? dtype) == dtype
    return PlannedTensor(
      info: info, operands: found.map { operand($0.tensor, of: $0.model) },
      combination: combination, isCopied: isCopied)
  }

  /// Returns a tensor that is not merged: that of the base, or of the first model that contains it.
  private mutating func unselected(_ row: MergeRow) -> PlannedTensor? {
    var names = row.sources.map { (model: $0.model, name: $0.name) }
    if let base = recipe.base {
      let own = row.sources.first { $0.model == base }?.name ?? row.baseName ?? row.name
      names.insert((base, own), at: 0)
    }
    for (model, name) in names {
      if let tensor = tensor(name, of: model) { return copied(row, (model, tensor), twins: []) }
    }
    return nil
  }

  /// Returns a tensor that is copied bit for bit; nil if the twins differ from it in dtype or shape.
  private mutating func copied(
    _ row: MergeRow, _ first: (model: String, tensor: LazyTensor),
    twins: [(model: String, tensor: LazyTensor)]
  ) -> PlannedTensor? {
    let info = first.tensor.info
    for twin in twins
    where twin.tensor.info.dtype != info.dtype || twin.tensor.info.shape != info.shape {
      unmergeable.add(
        row.name,
        to: "\(info.dtype.name) \(info.shape) in \(first.model.printable) and "
          + "\(twin.tensor.info.dtype.name) \(twin.tensor.info.shape) in "
          + "\(twin.model.printable), but only plain floats can be merged",
        hint:
          "copy it from one model with \(setting: "exclude") '\(row.name.printable)'")
      return nil
    }
    var renamed = info
    renamed.name = row.name
    var tensor = PlannedTensor(
      info: renamed,
      operands: [Operand(first.tensor, path: models[first.model]?.path ?? "", dtype: nil)],
      combination: .one(scale: nil), isCopied: true)
    tensor.twins = twins.map {
      Operand($0.tensor, path: models[$0.model]?.path ?? "", dtype: nil)
    }
    return tensor
  }

  /// Returns a tensor of a model; for a missing output head, the embeddings that the model ties it to.
  private mutating func operand(
    _ name: String, of model: String, for row: MergeRow
  ) -> [(model: String, tensor: LazyTensor)] {
    if let tensor = tensor(name, of: model) { return [(model, tensor)] }
    if let embeddings = tiedEmbeddings(name, of: model) {
      tied.add(name, to: "\(model.printable) ties it to '\(embeddings.name.printable)'")
      return [(model, embeddings)]
    }
    missing.add(
      name, to: "\(model.printable) has no",
      hint:
        "merge models with the same tensors, or copy these from the base (the first model without a "
        + "base) with \(setting: "exclude") '\(row.name.printable)'")
    return []
  }

  /// Returns the embeddings that a model uses as its output head; nil if its configuration does not tie them.
  private func tiedEmbeddings(_ name: String, of model: String) -> LazyTensor? {
    guard TensorNames.isOutputWeight(name), let checkpoint = models[model],
      let configuration = try? checkpoint.modelConfiguration(),
      (try? configuration.tiesEmbeddings) == true
    else { return nil }
    return TensorNames.tokenEmbeddings(of: checkpoint)
  }

  private mutating func dtype(
    _ found: [(model: String, tensor: LazyTensor)], _ row: MergeRow
  ) -> DType {
    if let dtype = recipe.outDType ?? recipe.dtype { return dtype }
    let dtypes = Set(found.map(\.tensor.info.dtype))
    guard dtypes.count > 1 else { return found[0].tensor.info.dtype }
    let wide: DType = dtypes.contains(.f64) ? .f64 : .f32
    let names = dtypes.map(\.name).sorted().joined(separator: " and ")
    promoted.add(row.name, to: "\(names) are merged as \(wide.name)")
    return wide
  }

  // MARK: Shapes

  /// Returns the shape that all operands share, or the shortest one if embeddings may be cut.
  private mutating func commonShape(
    _ found: [(model: String, tensor: LazyTensor)], _ row: MergeRow
  ) -> Shape? {
    let shapes = found.map(\.tensor.info.shape)
    guard let other = shapes.firstIndex(where: { $0 != shapes[0] }) else { return shapes[0] }
    let isVocabulary =
      shapes.allSatisfy {
        $0.dimensions.count == 2 && $0.dimensions[1] == shapes[0].dimensions.last
      } && TensorNames.mayCountVocabulary(row.name)
    if isVocabulary, options.truncatesEmbeddings,
      let shortest = shapes.min(by: { $0.dimensions[0] < $1.dimensions[0] })
    {
      return shortest
    }
    unequal.add(
      row.name,
      to: "\(shapes[0]) in \(found[0].model.printable), \(shapes[other]) in "
        + "\(found[other].model.printable)",
      hint: isVocabulary
        ? "the vocabularies differ: merge models with the same vocabulary, or cut all to the shortest "
          + "with \(setting: "unsafe-truncate-embeddings")"
        : "copy it from the base (the first model without a base) with \(setting: "exclude") '\(row.name.printable)'"
    )
    return nil
  }

  /// Keeps a tensor an alias of another one if both are computed from the same operands.
  private func linkingAliases(_ tensors: [PlannedTensor]) -> [PlannedTensor] {
    var byName: [UTF8Key: PlannedTensor] = [:]
    return tensors.map { tensor in
      defer { byName[UTF8Key(tensor.info.name)] = tensor }
      let targets = Set(tensor.operands.map { UTF8Key($0.tensor.aliasOf ?? "") })
      guard targets.count == 1, let target = tensor.operands.first?.tensor.aliasOf,
        let other = byName[UTF8Key(target)], other.combination == tensor.combination,
        other.info.dtype == tensor.info.dtype, other.aliasOf == nil
      else { return tensor }
      var alias = tensor
      alias.aliasOf = target
      return alias
    }
  }
}
