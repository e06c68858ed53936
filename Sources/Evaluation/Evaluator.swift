package import Base
package import Networks

/// Evaluates models on windows of tokens.
package struct Evaluator {
  package let windows: TokenWindows
  private let resources: EvaluationResources
  /// The state of the run after a block; nil to keep none.
  let journal: BlockJournal?

  /// - Parameter journal: The file that a run which was killed goes on from; nil to keep none.
  package init(
    _ windows: TokenWindows, _ resources: EvaluationResources, journal: BlockJournal? = nil
  ) {
    self.windows = windows
    self.resources = resources
    self.journal = journal
  }

  var compute: Compute { resources.compute }
  var progress: @Sendable (_ tokenCount: Int) -> Void { resources.progress }

  /// Returns the memory that an evaluation needs at least, in bytes: the values of a group, and a tile of the vocabulary.
  package static func byteCount(
    of model: EvaluatedModel, _ windows: TokenWindows, jobs: Int
  ) throws -> Int {
    let width = model.network.configuration.hiddenSize
    let group = try LayerStream.groupByteCount(
      model.network, windows.largestGroup, jobs: jobs)
    let tile = 4 * VocabularyScan.tileRowCount * (width + TokenGroup.tokenCount)
    return max(group, tile)
  }

  func stream(_ model: EvaluatedModel, share: Int) throws -> LayerStream {
    let needed = try Self.byteCount(of: model, windows, jobs: compute.jobs)
    return try LayerStream(
      model, windows.inputs, windows.groups, compute,
      budget: max(0, resources.memory / share - needed), folder: resources.folder)
  }

  /// Runs blocks that the journal does not have yet.
  /// - Parameter passes: How often all tokens run through a block.
  func walk<Figures: BlockFigures>(
    _ streams: [LayerStream], _ figures: inout Figures, passes: Int,
    _ body: (Int, inout Figures) throws -> Void
  ) throws {
    try BlockWalk(streams: streams, journal: journal).run(
      &figures, progress: { progress(passes * windows.inputs.count) }, body)
  }

  /// Returns the scores of the tokens that are scored, in order.
  /// - Parameter attention: Receives the attention of each block for each group of windows.
  /// - Complexity: O(tokens · parameters) time.
  package func scores(
    of model: EvaluatedModel, attention: ((ObservedAttention) throws -> Void)? = nil
  ) throws -> [TokenScore] {
    let stream = try stream(model, share: 1)
    var figures = NoFigures()
    try walk([stream], &figures, passes: 1) { layer, _ in
      try stream.step(layer) { group in
        var observer = Observer<Float>()
        if let attention {
          observer.attentionShares = {
            try attention(ObservedAttention(layer: $0, windows: group.windows, shares: $1))
          }
        }
        return observer
      }
    }
    try stream.finish()
    let scan = VocabularyScan(targets: windows.targets)
    try forEachTile(of: [stream]) { tile, weights in
      for group in stream.groups {
        try scan.add(
          stream.logits(group, weights[0]), rows: group.tokens, tile: tile, compute)
      }
    }
    return try checked(scored(scan.scores), model) { $0.logProbability }
  }

  /// Returns the comparison of a model with a base for each token that is scored, and for each block if `byLayer`.
  package func comparison(
    of model: EvaluatedModel, against base: EvaluatedModel, byLayer: Bool
  ) throws -> ModelComparison {
    let (first, second) = (try stream(base, share: 2), try stream(model, share: 2))
    var layers: [LayerComparison] = []
    if byLayer { try Self.checkLayerCounts(model, base) }
    try walk([first, second], &layers, passes: byLayer ? 3 : 2) { layer, layers in
      if byLayer {
        layers.append(try Self.step(layer, first, second, compute))
      } else {
        // A stack of layers may have more of them than the model that it was made of.
        for stream in [first, second] where layer < stream.layerCount { try stream.step(layer) }
      }
    }
    for stream in [first, second] { try stream.finish() }
    let scan = VocabularyComparison(targets: windows.targets)
    try forEachTile(of: [first, second]) { tile, weights in
      for group in first.groups {
        try scan.add(
          first.logits(group, weights[0]), second.logits(group, weights[1]),
          rows: group.tokens, tile: tile, compute)
      }
    }
    let tokens = try checked(scored(scan.comparisons), model) { $0.other.logProbability }
    return ModelComparison(tokens: tokens, layers: layers)
  }

  /// Throws if two models do not have the same blocks.
  package static func checkLayerCounts(
    _ model: EvaluatedModel, _ base: EvaluatedModel
  ) throws(UsageError) {
    guard model.layerCount != base.layerCount else { return }
    throw UsageError(
      "\(model.path.printable) has \(model.layerCount.counted("block")), \(base.path.printable) has "
        + "\(base.layerCount), so that they cannot be compared block by block",
      hint: "leave out \(setting: "by-layer")")
  }

  /// Runs a block of both models, and the block of the second on the states of the first.
  static func step(
    _ layer: Int, _ base: LayerStream, _ other: LayerStream, _ compute: Compute
  ) throws -> LayerComparison {
    var result = LayerComparison(layer: layer)
    try base.withWeights(of: layer) {
      try other.withWeights(of: layer) {
        for group in base.groups {
          let input = try base.states(group)
          var inputs: [String: Value<Float>] = [:]
          var observer = Observer<Float>()
          observer.linearInput = { inputs[base.name(of: $0, in: layer)] = $1 }
          let expected = try base.output(of: layer, input, group, observer: observer)
          observer.linearInput = { weight, found in
            let name = other.name(of: weight, in: layer)
            guard let known = inputs[name] else { return }
            try result.add(known, found, of: name, compute)
          }
          let own = try other.output(of: layer, input, group, observer: observer)
          let found = try other.output(of: layer, other.states(group), group)
          try result.add(expected, found: found, own: own, input: input, compute)
          try base.store(expected, group)
          try other.store(found, group)
        }
      }
    }
    return result
  }

  private func forEachTile(
    of streams: [LayerStream], _ body: (Range<Int>, [ResidentParameter<Float>]) throws -> Void
  ) throws {
    try LayerStream.forEachTile(of: streams, body)
    progress(streams.count * windows.inputs.count)
  }

  /// Returns the elements that belong to tokens that are scored.
  private func scored<T>(_ all: [T]) -> [T] {
    zip(all, windows.targets).filter { $0.1 != TokenWindows.unscored }.map(\.0)
  }

  private func checked<T>(
    _ all: [T], _ model: EvaluatedModel, _ logProbability: (T) -> Double
  ) throws -> [T] {
    guard let place = all.firstIndex(where: { !logProbability($0).isFinite }) else { return all }
    throw FormatError(
      .nonfiniteStates, "the logits of scored token \(place) became NaN or infinite",
      path: model.path, hint: "compare the output layer with that of the original")
  }
}
