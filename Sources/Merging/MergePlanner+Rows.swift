import Base
import Checkpoints
import Models
import Recipes

/// The rows of the output: the tensors that the recipe asks for.
extension MergePlanner {
  /// Returns the rows of the output in order; faults are collected in `errors`.
  mutating func rows() -> [MergeRow] {
    let scopes = [recipe.parameters]
    if let parts = recipe.parts { return rows(of: parts, prefix: "", scopes) }
    var rows: [MergeRow] = []
    for module in recipe.modules {
      // mergekit uses the name "default" for a model without parts.
      let prefix = module.name == "default" ? "" : module.name + "."
      let found = self.rows(of: module.parts, prefix: prefix, [module.parameters] + scopes)
      if found.isEmpty {
        fault(
          "module '\(module.name.printable)' matches no tensor: no name begins with "
            + "'\(prefix.printable)'",
          hint: "name the module after the prefix of its tensor names")
      }
      rows += found
    }
    return rows + rowsOfNoModule(rows)
  }

  /// Returns rows for the tensors that no module covers; they are copied from the base.
  private func rowsOfNoModule(_ rows: [MergeRow]) -> [MergeRow] {
    let covered = Set(rows.map { UTF8Key($0.name) })
    guard let base = recipe.base, let checkpoint = models[base] else { return [] }
    return checkpoint.tensors.filter { !covered.contains(UTF8Key($0.name)) }.map { tensor in
      MergeRow(
        name: tensor.name, position: 0,
        sources: [MergeRow.Source(model: base, name: tensor.name, parameters: MergeParameters())],
        base: nil, isMerged: false, scopes: [])
    }
  }

  private mutating func rows(
    of parts: MergeRecipe.Parts, prefix: String, _ scopes: [MergeParameters]
  ) -> [MergeRow] {
    switch parts {
    case .models(let sources): rows(of: sources, prefix: prefix, scopes)
    case .slices(let slices): rows(of: slices, prefix: prefix, scopes)
    }
  }

  // MARK: Models

  private mutating func rows(
    of sources: [MergeRecipe.Source], prefix: String, _ scopes: [MergeParameters]
  ) -> [MergeRow] {
    if let base = recipe.base, !method.needsBase, !sources.contains(where: { $0.model == base }) {
      notes.append(
        "\(method.name) has no base: the tensors of \(base.shown) are not merged, "
          + "only its configuration and files are copied")
    }
    let order = ([recipe.base].compactMap(\.self) + sources.map(\.model)).filter { model in
      method.needsBase || sources.contains { $0.model == model }
    }
    let names = names(of: order).filter { $0.hasPrefix(prefix) }
    let layers = LayerNames(names)
    return names.map { name in
      MergeRow(
        name: name, position: layers.position(of: name),
        sources: sources.map {
          MergeRow.Source(model: $0.model, name: name, parameters: $0.parameters)
        }, base: method.needsBase ? recipe.base : nil, baseName: name, scopes: scopes)
    }
  }

  /// Returns the names of all tensors of the models in `order`, each once, in the order of the models.
  func names(of order: [String]) -> [String] {
    var seen: Set<UTF8Key> = []
    return order.flatMap { models[$0]?.tensors.map(\.name) ?? [] }.filter {
      seen.insert(UTF8Key($0)).inserted
    }
  }
}
