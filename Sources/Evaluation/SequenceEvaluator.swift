import Base
package import Caches
import Checkpoints
package import Networks

/// A text whose first tokens may be in a cache.
package struct CachedSequence: Sendable, Equatable {
  package let tokens: [Int32]
  /// The number of tokens in the cache.
  package let cachedCount: Int
  /// The number of positions that rotary frequencies are for, if they depend on the length.
  package let context: Int

  package init(tokens: [Int32], cachedCount: Int = 0, context: Int? = nil) {
    precondition(cachedCount < tokens.count)
    self.tokens = tokens
    self.cachedCount = cachedCount
    self.context = context ?? tokens.count
  }

  /// The tokens that a model reads to score those after the first token that is not in the cache.
  fileprivate var inputs: [Int32] {
    Array(tokens[cachedCount..<max(cachedCount, tokens.count - 1)])
  }
  /// The tokens that are scored.
  package var targets: [Int32] { Array(tokens.dropFirst(cachedCount + 1)) }
}

/// Runs a model over one text, piece by piece, with the keys and values of the tokens before each piece.
///
/// A piece has ``TokenGroup/tokenCount`` tokens, whatever the memory is.
package struct SequenceEvaluator {
  package let sequence: CachedSequence
  private let resources: EvaluationResources

  package init(_ sequence: CachedSequence, _ resources: EvaluationResources) {
    self.sequence = sequence
    self.resources = resources
  }

  private var compute: Compute { resources.compute }

  // MARK: Memory

  /// Returns the memory that computing a cache of all tokens needs at least, in bytes.
  package static func byteCount(
    computing sequence: CachedSequence, _ model: EvaluatedModel, jobs: Int
  ) throws -> Int {
    let piece = try LayerStream.groupByteCount(
      model.network, TokenGroup.largestPiece(of: sequence.tokens.count, from: 0), jobs: jobs)
    let rows = 2 * model.rowByteCount * sequence.tokens.count
    return max(piece, rows + jobs * ComputedCache.pieceByteCount)
  }

  /// Returns the memory that a comparison of caches needs at least, in bytes: the values of a piece with the keys and
  /// values of a layer, or a layer that is read, or a tile of the vocabulary.
  package static func byteCount(
    comparing caches: [KVCache], _ sequence: CachedSequence, _ model: EvaluatedModel, jobs: Int
  ) throws -> Int {
    let piece = try LayerStream.groupByteCount(
      model.network,
      TokenGroup.largestPiece(of: sequence.inputs.count, from: sequence.cachedCount), jobs: jobs)
    let rows = 2 * model.rowByteCount * sequence.cachedCount
    let tensors = caches.flatMap(\.layers).flatMap { [$0.finite.key, $0.finite.value] }
    let worker = tensors.map { CacheRows($0, path: "").workerByteCount }.max() ?? 0
    let width = model.network.configuration.hiddenSize
    let tile = 4 * VocabularyScan.tileRowCount * (width + 2 * TokenGroup.tokenCount)
    return max(piece, rows + jobs * worker, tile)
  }

  private func stream(
    _ model: EvaluatedModel, _ inputs: [Int32], share: Int, needed: Int
  ) throws -> LayerStream {
    let stream = try LayerStream(
      model, inputs, TokenGroup.pieces(of: inputs.count, from: sequence.cachedCount),
      context: sequence.context, compute, budget: max(0, (resources.memory - needed) / share),
      folder: resources.folder)
    try stream.storeEmbeddings()
    return stream
  }

  // MARK: Work

  /// Computes the keys and values of all tokens, layer by layer.
  /// - Throws: ``FormatError`` if they become NaN or infinite, which names the block.
  /// - Complexity: O(tokens · parameters + tokens² · width · layers) time; O(tokens · width) memory for the keys and values
  ///   of one layer.
  package func fill(_ cache: ComputedCache, of model: EvaluatedModel) throws {
    precondition(sequence.cachedCount == 0)
    let needed = try Self.byteCount(computing: sequence, model, jobs: compute.jobs)
    let stream = try stream(model, sequence.tokens, share: 1, needed: needed)
    try cache.begin(in: resources.folder)
    for number in 0..<stream.layerCount {
      let layer = LayerCache()
      try stream.step(number) { _ in layer.observer }
      try check(layer, number, model)
      try cache.store(layer, number: number, compute)
      resources.progress(sequence.tokens.count)
    }
  }

  private func check(_ layer: LayerCache, _ number: Int, _ model: EvaluatedModel) throws {
    for values in [layer.keys, layer.values].compactMap(\.self)
    where try !compute.isFinite(values) {
      throw FormatError(
        .nonfiniteStates, "block \(number): keys or values became NaN or infinite",
        path: model.path, hint: "compare the weights of the block with those of the original")
    }
  }

  /// Returns the comparison of a cache with the original one for each token that is scored: the text goes on after each
  /// of them, with one layer of one cache in memory at a time.
  /// - Throws: ``FormatError`` if keys, values or hidden states are NaN or infinite.
  package func comparison(
    of cache: KVCache, against original: KVCache, _ model: EvaluatedModel
  ) throws -> [TokenComparison] {
    let needed = try Self.byteCount(
      comparing: [cache, original], sequence, model, jobs: compute.jobs)
    let inputs = sequence.inputs
    let sides = try [original, cache].map {
      (cache: $0, stream: try stream(model, inputs, share: 2, needed: needed))
    }
    for number in 0..<model.layerCount {
      try sides[0].stream.withWeights(of: number, uses: 2) {
        for (cache, stream) in sides {
          let layer = try LayerCache(
            cache.layers[number].finite, path: cache.origin.path, compute)
          for group in stream.groups {
            try stream.store(
              stream.output(of: number, stream.states(group), group, observer: layer.observer),
              group)
          }
          resources.progress(inputs.count)
        }
      }
    }
    for (_, stream) in sides { try stream.finish() }
    let (first, second) = (sides[0].stream, sides[1].stream)
    let scan = VocabularyComparison(targets: sequence.targets)
    try LayerStream.forEachTile(of: [first]) { tile, weights in
      for group in first.groups {
        try scan.add(
          first.logits(group, weights[0]), second.logits(group, weights[0]), rows: group.tokens,
          tile: tile, compute)
      }
    }
    resources.progress(2 * inputs.count)
    let tokens = scan.comparisons
    let place = tokens.firstIndex {
      !$0.base.logProbability.isFinite || !$0.other.logProbability.isFinite
    }
    if let place {
      throw FormatError(
        .nonfiniteStates, "the logits of scored token \(place) became NaN or infinite",
        path: model.path, hint: "compare the output layer with that of the original")
    }
    return tokens
  }
}
