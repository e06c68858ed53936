import Base
import Checkpoints
import Models
import TensorCore

/// Finds out what each tensor of a merge is made of, and all that stands against it.
struct MergePlanner {
  let recipe: MergeRecipe
  let method: any MergeMethod.Type
  let options: MergeOptions
  let models: [String: Checkpoint]
  /// The tensors of each model by name.
  let places: [String: [UTF8Key: Int]]

  var errors: [any UserError] = []
  var notes: [Message] = []
  /// Layers of the output, where slices were stacked, and which of the base's each of them is.
  var layerCount: Int?
  var layerPicks: [Int] = []

  // What several tensors may share, told together.
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
    places = models.mapValues { checkpoint in
      var places: [UTF8Key: Int] = [:]
      for (place, tensor) in checkpoint.tensors.enumerated() {
        places[UTF8Key(tensor.name)] = place
      }
      return places
    }
  }

  mutating func fault(_ reason: Message, hint: Message? = nil) {
    errors.append(UsageError(reason, hint: hint))
  }

  /// All tensors of the output that can be made.
  mutating func tensors() -> [PlannedTensor] {
    checkModels()
    guard errors.isEmpty else {
      // Without its models a recipe asks for no tensors.
      checkParameters()
      return []
    }
    checkParameters()
    let rows = rows()
    checkFilters(rows)
    let tensors = linkingAliases(rows.compactMap { tensor(of: $0) })
    checkCoefficients(tensors)
    checkScope(tensors)
    report()
    return tensors
  }

  // MARK: One tensor

  func tensor(_ name: String, of model: String) -> LazyTensor? {
    guard let place = places[model]?[UTF8Key(name)] else { return nil }
    return models[model]?.tensors[place]
  }

  private func operand(_ tensor: LazyTensor, of model: String) -> Operand {
    Operand(tensor, path: models[model]?.path ?? model, dtype: recipe.dtype)
  }

  private mutating func tensor(of row: MergeRow) -> PlannedTensor? {
    guard row.isMerged, options.selection.contains(row.name) else { return unselected(row) }
    var sources = row.sources
    var found: [(model: String, tensor: LazyTensor)] = []
    if let base = row.base {
      let place = sources.firstIndex { $0.model == base }
      guard let name = place.map({ sources[$0].name }) ?? row.baseName else {
        faults.add(
          row.name, to: "base_model \(base.printable) is not among the sources of a slice",
          hint: "name it there, with the layers that are the base's")
        return nil
      }
      if let place { sources.remove(at: place) }
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
    // Limits that a shape and one of its parts keep are kept by whole bytes of plain floats.
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

  /// A tensor that is not merged: the base's, or that of the first model that has it.
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

  /// A tensor that is carried over as it is.
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
          + "\(twin.model.printable), which no method merges",
        hint: "take the first with \(setting: "exclude") '\(row.name.printable)'")
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

  /// A model's tensor; its embeddings where it has no head of its own.
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
        "merge models with the same tensors, or take these as the base, or else the first model, "
        + "has them with \(setting: "exclude") '\(row.name.printable)'")
    return []
  }

  /// What a model whose configuration ties head and embeddings uses as its head.
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

  /// The shape that all have; the shortest where embeddings may be cut.
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
        ? "the vocabularies differ: merge models of one, or cut all to the shortest with "
          + "\(setting: "unsafe-truncate-embeddings")"
        : "take it from the base, or else the first model, with \(setting: "exclude") '\(row.name.printable)'"
    )
    return nil
  }

  /// Another name of a tensor stays one where both are made of the same.
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
