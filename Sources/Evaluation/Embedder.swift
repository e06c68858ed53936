import Base
package import Networks

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
  private let compute: Compute
  private let budget: Int
  private let folder: String
  private let journal: BlockJournal?
  private let progress: @Sendable (_ tokenCount: Int) -> Void

  /// - Parameters:
  ///   - memory: The memory for everything that the run holds, in bytes.
  ///   - folder: The folder of temporary files.
  ///   - journal: The file that a run which was killed goes on from; nil to keep none.
  ///   - progress: Called with the number of tokens that a block has processed.
  package init(
    _ sentences: Sentences, _ compute: Compute, memory: Int, folder: String,
    journal: BlockJournal? = nil,
    progress: @escaping @Sendable (_ tokenCount: Int) -> Void = { _ in }
  ) {
    self.sentences = sentences
    self.compute = compute
    budget = memory
    self.folder = folder
    self.journal = journal
    self.progress = progress
  }

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
      &figures, progress: { progress(passes * sentences.tokenCount) }, body)
  }

  private func streams(_ encoders: [Encoder]) throws -> [LayerStream] {
    try encoders.map { encoder in
      let needed = try Self.byteCount(of: encoder, sentences, jobs: compute.jobs)
      return try LayerStream(
        encoder.model, sentences.inputs, sentences.groups, compute,
        budget: max(0, budget / encoders.count - needed), folder: folder)
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
    progress(sentences.tokenCount)
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
