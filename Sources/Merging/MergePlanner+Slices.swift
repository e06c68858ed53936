import Base
import Checkpoints
import Models
import Recipes

/// The layers of a model that slices select from: the names of the tensors in each layer.
struct ModelLayers {
  /// The text of the tensor names before the layer number.
  let prefix: String
  /// The text of the tensor names after the layer number, for each layer.
  let suffixes: [[String]]

  /// - Parameter prefix: The prefix of the run of layers.
  init(_ checkpoint: Checkpoint, prefix: String, count: Int) {
    self.prefix = prefix
    var suffixes = [[String]](repeating: [], count: count)
    for tensor in checkpoint.tensors {
      guard let parts = LayerNames.parts(of: tensor.name), parts.prefix == prefix else { continue }
      suffixes[parts.index].append(parts.suffix)
    }
    self.suffixes = suffixes
  }
}

/// The rows of stacked slices.
extension MergePlanner {
  /// The maximum number of layers of the output.
  private static let layerLimit = 1 << 16
  /// The maximum number of tensors of the output.
  private static let rowLimit = 1 << 20

  mutating func rows(
    of slices: [MergeRecipe.Slice], prefix: String, _ scopes: [MergeParameters]
  ) -> [MergeRow] {
    var layers: [String: ModelLayers] = [:]
    for model in slices.flatMap({ $0.sources.map(\.model) }) where layers[model] == nil {
      layers[model] = self.layers(of: model, prefix: prefix)
    }
    guard let outer = slices.first?.sources.first.flatMap({ layers[$0.model]?.prefix }),
      checkLayers(of: slices, layers)
    else { return [] }
    var rows: [MergeRow] = []
    rows += outside(slices[0], prefix: prefix, layers, scopes, TensorNames.isEmbedding)
    var first = 0
    for slice in slices {
      let count = slice.sources.first?.layers?.count ?? 0
      for layer in 0..<count {
        rows += self.rows(ofLayer: layer, at: first + layer, slice, outer: outer, layers, scopes)
      }
      first += count
    }
    layerCount = first
    layerPicks = slices.flatMap { $0.sources.first?.layers.map(Array.init) ?? [] }
    let covered = Set(rows.map { UTF8Key($0.name) })
    rows += outside(slices[slices.count - 1], prefix: prefix, layers, scopes) {
      !covered.contains(UTF8Key($0))
    }
    return rows
  }

  /// Returns the layers that slices of `model` select from; nil if there is not exactly one run of layers.
  private mutating func layers(of model: String, prefix: String) -> ModelLayers? {
    guard let checkpoint = models[model] else { return nil }
    let layers = LayerNames(checkpoint.tensors.map(\.name).filter { $0.hasPrefix(prefix) })
    let configured = try? checkpoint.modelConfiguration()?.layerCount
    guard let run = layers.main(configured: configured), let count = layers.counts[run] else {
      let found = layers.counts.sorted { $0.key < $1.key }.prefix(4).map {
        "\($0.key.shown)0…\($0.value - 1)"
      }
      fault(
        layers.counts.isEmpty
          ? "\(model.shown) has no layers, so that it cannot be sliced"
          : "\(model.shown) has several runs of layers: \(found.joined(separator: ", "))",
        hint: layers.counts.isEmpty ? nil : "name one of them as a module")
      return nil
    }
    return ModelLayers(checkpoint, prefix: run, count: count)
  }

  /// Reports layers that models do not have, and outputs that are too large; returns true if there are none.
  ///
  /// It counts before any row is made, because a recipe of a few bytes can select any number of layers.
  private mutating func checkLayers(
    of slices: [MergeRecipe.Slice], _ layers: [String: ModelLayers]
  ) -> Bool {
    let errorCount = errors.count
    var (layerCount, rowCount) = (0, 0)
    for slice in slices {
      for source in slice.sources {
        guard let own = layers[source.model], let selected = source.layers else { return false }
        let count = own.suffixes.count
        guard selected.upperBound <= count else {
          fault(
            "line \(source.line): \(source.model.shown) has no layer "
              + "\(max(count, selected.lowerBound)): it has \(count.counted("layer")), "
              + "but layer_range ends at \(selected.upperBound)",
            hint: "layer_range excludes its end: [0, 2] selects the layers 0 and 1")
          continue
        }
        for layer in selected where own.suffixes[layer].isEmpty {
          fault("line \(source.line): \(source.model.shown) has no layer \(layer)")
          break
        }
        rowCount += own.suffixes[selected].reduce(0) { $0 + $1.count }
      }
      guard errors.count == errorCount else { continue }
      layerCount += slice.sources.first?.layers?.count ?? 0
      guard layerCount <= Self.layerLimit, rowCount <= Self.rowLimit else {
        fault(
          "line \(slice.line): the slices up to here have \(layerCount.counted("layer")) with "
            + "\(rowCount.counted("tensor")), the limits are \(Self.layerLimit.grouped) and "
            + Self.rowLimit.grouped)
        return false
      }
    }
    return errors.count == errorCount
  }

  private func rows(
    ofLayer layer: Int, at index: Int, _ slice: MergeRecipe.Slice, outer: String,
    _ layers: [String: ModelLayers], _ scopes: [MergeParameters]
  ) -> [MergeRow] {
    var suffixes: [String] = []
    var seen: Set<UTF8Key> = []
    for source in slice.sources {
      guard let own = layers[source.model], let first = source.layers?.lowerBound else { continue }
      suffixes += own.suffixes[first + layer].filter { seen.insert(UTF8Key($0)).inserted }
    }
    let position = LayerNames.position(of: layer, among: slice.sources.first?.layers?.count ?? 1)
    return suffixes.map { suffix in
      MergeRow(
        name: "\(outer)\(index)\(suffix)", position: position,
        sources: slice.sources.map { source in
          let prefix = layers[source.model]?.prefix ?? outer
          return MergeRow.Source(
            model: source.model,
            name: "\(prefix)\((source.layers?.lowerBound ?? 0) + layer)\(suffix)",
            parameters: source.parameters)
        }, base: method.needsBase ? slice.base ?? recipe.base : nil,
        scopes: [slice.parameters] + scopes)
    }
  }

  /// Returns rows for the tensors outside the layers, from the models of a slice.
  private func outside(
    _ slice: MergeRecipe.Slice, prefix: String, _ layers: [String: ModelLayers],
    _ scopes: [MergeParameters], _ isWanted: (String) -> Bool
  ) -> [MergeRow] {
    let prefixes = Set(layers.values.map(\.prefix))
    let names = names(of: slice.sources.map(\.model)).filter { name in
      name.hasPrefix(prefix)
        && !(LayerNames.parts(of: name).map { prefixes.contains($0.prefix) } ?? false)
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
