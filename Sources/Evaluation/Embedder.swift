import Base
import Networks

/// Computes the embeddings of sentences by encoders.
package struct Embedder {
  /// An encoder and the modules after it.
  package struct Encoder {
    package let model: EvaluatedModel
    let head: SentenceHead

    package init(_ model: EvaluatedModel, _ head: SentenceHead) {
      self.model = model
      self.head = head
    }
  }

  private let sentences: Sentences
  private let resources: EvaluationResources
  private let journal: BlockJournal?

  /// - Parameter journal: The file that a run which was killed goes on from; nil to keep none.
  package init(
    _ sentences: Sentences, _ resources: EvaluationResources, journal: BlockJournal? = nil
  ) {
    self.sentences = sentences
    self.resources = resources
    self.journal = journal
  }

  private var compute: Compute { resources.compute }

  /// Returns the memory that a run needs at least, in bytes: the values of a group, and all embeddings.
  package static func byteCount(
    of encoder: Encoder, _ sentences: Sentences, jobs: Int
  ) throws -> Int {
    let groups = try Set(sentences.groups.map(\.windows)).map {
      try LayerStream.groupByteCount(encoder.model.network, $0, jobs: jobs)
    }
    return (groups.max() ?? 0) + encoder.head.byteCount(sentenceCount: sentences.count)
  }

  /// Returns the embeddings of all sentences by one or two encoders that run side by side.
  /// - Complexity: O(tokens · parameters) time.
  package func embeddings(of encoders: [Encoder]) throws -> [SentenceEmbeddings] {
    let streams = try streams(encoders)
    var figures = NoFigures()
    try walk(streams, &figures, passes: encoders.count) { layer, _ in
      for stream in streams where layer < stream.layerCount { try stream.step(layer) }
    }
    return try zip(encoders, streams).map { try vectors($0, $1) }
  }

  /// Returns the embeddings by an encoder and a base, and the distances of their blocks.
  package func embeddings(
    of encoder: Encoder, comparingLayersWith base: Encoder
  ) throws -> (embeddings: [SentenceEmbeddings], layers: [LayerComparison]) {
    try Evaluator.checkLayerCounts(encoder.model, base.model)
    let streams = try streams([encoder, base])
    var layers: [LayerComparison] = []
    try walk(streams, &layers, passes: 3) { layer, layers in
      layers.append(try Evaluator.step(layer, streams[1], streams[0], compute))
    }
    return (try zip([encoder, base], streams).map { try vectors($0, $1) }, layers)
  }

  private func walk<Figures: BlockFigures>(
    _ streams: [LayerStream], _ figures: inout Figures, passes: Int,
    _ body: (Int, inout Figures) throws -> Void
  ) throws {
    try BlockWalk(streams: streams, journal: journal).run(
      &figures, progress: { resources.progress(passes * sentences.tokenCount) }, body)
  }

  private func streams(_ encoders: [Encoder]) throws -> [LayerStream] {
    try encoders.map { encoder in
      let needed = try Self.byteCount(of: encoder, sentences, jobs: compute.jobs)
      return try LayerStream(
        encoder.model, sentences.inputs, sentences.groups, compute,
        budget: max(0, resources.memory / encoders.count - needed), folder: resources.folder)
    }
  }

  /// Returns the embeddings after the last block.
  private func vectors(_ encoder: Encoder, _ stream: LayerStream) throws -> SentenceEmbeddings {
    let dimension = encoder.head.dimension
    var numbers = [Float](repeating: 0, count: sentences.count * dimension)
    var place = 0
    for group in stream.groups {
      let vectors = try encoder.head.vectors(stream.states(group), group.windows, compute)
      let span = vectors.span
      for row in 0..<group.windows.sequenceCount {
        let target = sentences.order[place] * dimension
        for column in 0..<dimension { numbers[target + column] = span[row * dimension + column] }
        place += 1
      }
    }
    resources.progress(sentences.tokenCount)
    return SentenceEmbeddings(dimension: dimension, numbers: numbers)
  }
}

/// The embeddings of sentences, in their order.
package struct SentenceEmbeddings: Sendable, Equatable {
  package let dimension: Int
  /// All numbers, shape `[sentences, dimension]`.
  package let numbers: [Float]

  package var count: Int { numbers.count / dimension }

  /// The numbers as they are stored, in little-endian order.
  package var bytes: [UInt8] {
    // SAFETY: the elements are numbers, which have no padding.
    unsafe numbers.span.bytes.array()
  }

  package subscript(_ sentence: Int) -> ArraySlice<Float> {
    numbers[sentence * dimension..<(sentence + 1) * dimension]
  }
}
