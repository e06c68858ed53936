import Base
import Checkpoints
import Models

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
    of given: [MergeRecipe.Source], prefix: String, _ scopes: [MergeParameters]
  ) -> [MergeRow] {
    var sources = given
    if let base = recipe.base, !method.needsBase, !sources.contains(where: { $0.model == base }) {
      // A base without a role is one more model, if a shared scope sets a required parameter for it.
      if method.parameters.contains(where: { parameter in
        parameter.isPerModel && parameter.defaultValue == .required
          && scopes.contains { $0.choices[parameter.name] != nil }
      }) {
        sources.append(
          MergeRecipe.Source(
            model: base, layers: nil, parameters: MergeParameters(), line: 0))
      } else {
        notes.append(
          "\(method.name) does not use the tensors of base_model: only its configuration and files are copied"
        )
      }
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
  private func names(of order: [String]) -> [String] {
    var seen: Set<UTF8Key> = []
    return order.flatMap { models[$0]?.tensors.map(\.name) ?? [] }.filter {
      seen.insert(UTF8Key($0)).inserted
    }
  }

  // MARK: Slices

  private mutating func rows(
    of slices: [MergeRecipe.Slice], prefix: String, _ scopes: [MergeParameters]
  ) -> [MergeRow] {
    var runs: [String: String] = [:]
    for model in Set(slices.flatMap { $0.sources.map(\.model) }) {
      runs[model] = layerRun(of: model, prefix: prefix)
    }
    guard let outer = slices.first?.sources.first.flatMap({ runs[$0.model] }) else { return [] }
    var rows: [MergeRow] = []
    rows += outside(slices[0], prefix: prefix, runs, scopes, TensorNames.isEmbedding)
    var first = 0
    for slice in slices {
      let count = slice.sources.first?.layers?.count ?? 0
      for layer in 0..<count {
        rows += self.rows(
          ofLayer: layer, at: first + layer, slice, outer: outer, runs, scopes)
      }
      first += count
    }
    layerCount = first
    layerPicks = slices.flatMap { $0.sources.first?.layers.map(Array.init) ?? [] }
    let covered = Set(rows.map { UTF8Key($0.name) })
    rows += outside(slices[slices.count - 1], prefix: prefix, runs, scopes) {
      !covered.contains(UTF8Key($0))
    }
    return rows
  }

  /// Returns the prefix of the layers that slices of `model` select from; nil if there is not exactly one.
  private mutating func layerRun(of model: String, prefix: String) -> String? {
    guard let checkpoint = models[model] else { return nil }
    let layers = LayerNames(checkpoint.tensors.map(\.name).filter { $0.hasPrefix(prefix) })
    let configured = try? checkpoint.modelConfiguration()?.layerCount
    guard let run = layers.main(configured: configured) else {
      let found = layers.counts.sorted { $0.key < $1.key }.map { "\($0.key)0…\($0.value - 1)" }
      fault(
        layers.counts.isEmpty
          ? "\(model.printable) has no layers, so that it cannot be sliced"
          : "\(model.printable) has several runs of layers: \(found.joined(separator: ", "))",
        hint: layers.counts.isEmpty ? nil : "name one of them as a module")
      return nil
    }
    return run
  }

  private mutating func rows(
    ofLayer layer: Int, at index: Int, _ slice: MergeRecipe.Slice, outer: String,
    _ runs: [String: String], _ scopes: [MergeParameters]
  ) -> [MergeRow] {
    var suffixes: [String] = []
    var seen: Set<UTF8Key> = []
    for source in slice.sources {
      guard let run = runs[source.model], let layers = source.layers,
        let checkpoint = models[source.model]
      else { return [] }
      let name = "\(run)\(layers.lowerBound + layer)"
      var isThere = false
      for tensor in checkpoint.tensors where tensor.name.hasPrefix(name + ".") {
        isThere = true
        let suffix = String(tensor.name.dropFirst(name.count))
        if seen.insert(UTF8Key(suffix)).inserted { suffixes.append(suffix) }
      }
      if !isThere {
        fault(
          "line \(source.line): \(source.model.printable) has no layer "
            + "\(layers.lowerBound + layer)",
          hint: "layer_range excludes its end: [0, 2] selects the layers 0 and 1")
        return []
      }
    }
    let position = LayerNames.position(of: layer, among: slice.sources.first?.layers?.count ?? 1)
    return suffixes.map { suffix in
      MergeRow(
        name: "\(outer)\(index)\(suffix)", position: position,
        sources: slice.sources.map { source in
          let run = runs[source.model] ?? outer
          return MergeRow.Source(
            model: source.model,
            name: "\(run)\((source.layers?.lowerBound ?? 0) + layer)\(suffix)",
            parameters: source.parameters)
        }, base: method.needsBase ? slice.base ?? recipe.base : nil,
        scopes: [slice.parameters] + scopes)
    }
  }

  /// Returns rows for the tensors outside the layers, from the models of a slice.
  private func outside(
    _ slice: MergeRecipe.Slice, prefix: String, _ runs: [String: String],
    _ scopes: [MergeParameters], _ isWanted: (String) -> Bool
  ) -> [MergeRow] {
    let names = names(of: slice.sources.map(\.model)).filter { name in
      name.hasPrefix(prefix)
        && !runs.values.contains { LayerNames.parts(of: name)?.prefix == $0 }
    }
    return names.filter(isWanted).map { name in
      MergeRow(
        name: name, position: 0,
        sources: slice.sources.map {
          MergeRow.Source(model: $0.model, name: name, parameters: $0.parameters)
        }, base: method.needsBase ? slice.base ?? recipe.base : nil, baseName: name,
        scopes: [slice.parameters] + scopes)
    }
  }
}
