package import BLAS
import Base
package import Networks

/// Computes the measures of heads from the weights of a network, layer by layer.
package struct HeadSurvey {
  private let network: Network<Double>
  private let compute: Compute
  private let blas: BLAS
  /// Called after each layer, or pair of layers, with the number of values that were read.
  private let progress: (Int) throws -> Void

  package init(
    _ network: Network<Double>, _ compute: Compute, _ blas: BLAS,
    progress: @escaping (Int) throws -> Void = { _ in }
  ) {
    self.network = network
    self.compute = compute
    self.blas = blas
    self.progress = progress
  }

  // MARK: Costs

  /// The number of tokens whose rows of the embedding and of the output layer are in memory at the same time.
  private static var tileRowCount: Int { 2_048 }

  /// The number of values of the projections of a layer.
  private static func layerValueCount(_ network: Network<Double>) -> Int {
    let c = network.configuration
    return 2 * (c.headCount + c.keyValueHeadCount) * c.headDim * c.hiddenSize
  }

  /// Returns the number of values that a survey reads.
  package static func valueCount(of network: Network<Double>, composition: Bool) -> Int {
    let c = network.configuration
    let layers = network.layerCount
    let pairs = composition ? layers * (layers - 1) / 2 + layers : 0
    return 2 * c.vocabularySize * c.hiddenSize + (layers + pairs) * layerValueCount(network)
  }

  /// Returns the peak of the memory of a survey, in bytes: the circuit of the vocabulary with a tile or a layer, or two
  /// layers with a product of theirs.
  package static func byteCount(of network: Network<Double>, composition: Bool) -> Int {
    let c = network.configuration
    let (hidden, heads) = (c.hiddenSize, c.headCount * c.headDim)
    // A tensor that is transposed is in memory twice.
    let layer = 2 * layerValueCount(network)
    let tile = 2 * min(tileRowCount, c.vocabularySize) * hidden
    let circuit = hidden * hidden + max(tile, layer + heads * hidden)
    let pairs = 2 * layer + heads * heads + 16 * c.headCount * c.headDim * c.headDim
    let all = c.headCount * network.layerCount
    let results = composition ? 3 * all * all : 0
    return 8 * (max(circuit, composition ? pairs : 0) + results)
  }

  // MARK: Work

  /// Computes all measures.
  /// - Throws: The error of reading a tensor, or ``DecompositionError``.
  /// - Complexity: O(vocabulary · hidden²) for the circuit of the vocabulary, O(heads · d² · (hidden + d)) for each layer,
  ///   and O(heads² · d² · (hidden + d)) for each pair of layers with `composition`.
  package func measures(composition: Bool) throws -> HeadMeasures {
    let (copying, circuitCopying) = try copyingScores()
    return HeadMeasures(
      HeadGrid(layerCount: network.layerCount, headCount: network.configuration.headCount),
      copying: copying, circuitCopying: circuitCopying,
      composition: composition
        ? try HeadPairs(network, compute, blas, progress: progress).composition() : nil)
  }

  /// Returns the copying scores of all heads without the vocabulary, and those of the circuit from token to token.
  private func copyingScores() throws -> ([Double], [Double]) {
    let c = network.configuration
    let (d, hidden) = (c.headDim, c.hiddenSize)
    let vocabulary = try vocabularyCircuit()
    var (copying, circuitCopying) = ([Double](), [Double]())
    for layer in 0..<network.layerCount {
      let projections = try network.attentionProjections(of: layer, compute)
      var through = [Double](repeating: 0, count: c.headCount * d * hidden)
      var target = through.mutableSpan
      try blas.multiply(
        projections.output.span, by: vocabulary.span, rows: c.headCount * d, columns: hidden,
        depth: hidden, into: &target)
      for head in 0..<c.headCount {
        let rows = head * d * hidden..<(head + 1) * d * hidden
        let group = head / (c.headCount / c.keyValueHeadCount)
        let values = projections.values.span.extracting(
          group * d * hidden..<(group + 1) * d * hidden)
        copying.append(try score(projections.output.span.extracting(rows), values))
        circuitCopying.append(try score(through.span.extracting(rows), values))
      }
      try progress(Self.layerValueCount(network))
    }
    return (copying, circuitCopying)
  }

  /// Returns W_U W_E, shape `[hidden, hidden]`, through which a head's output becomes the input of the next token's head.
  private func vocabularyCircuit() throws -> [Double] {
    let c = network.configuration
    let hidden = c.hiddenSize
    var result = [Double](repeating: 0, count: hidden * hidden)
    for start in stride(from: 0, to: c.vocabularySize, by: Self.tileRowCount) {
      let tile = start..<min(c.vocabularySize, start + Self.tileRowCount)
      let output = try network.outputRows(tile, compute).value
      let embedding = try network.embeddingRows(tile, compute)
      var target = result.mutableSpan
      try blas.multiply(
        output.span, .transposed, by: embedding.span, rows: hidden, columns: hidden,
        depth: tile.count, adding: start > 0, into: &target)
      try progress(2 * tile.count * hidden)
    }
    return result
  }

  /// Returns Re Σ e / Σ |e| over the eigenvalues e of a · bᵀ, which has the same eigenvalues other than 0 as bᵀ · a.
  /// - Parameters:
  ///   - a: Shape `[d, hidden]`, as `b`.
  private func score(_ a: Span<Double>, _ b: Span<Double>) throws -> Double {
    let c = network.configuration
    let d = c.headDim
    var product = [Double](repeating: 0, count: d * d)
    var target = product.mutableSpan
    try blas.multiply(
      a, by: b, .transposed, rows: d, columns: d, depth: c.hiddenSize, into: &target)
    let eigenvalues = try GeneralEigenvalues.of(product, size: d, by: blas)
    var (sum, magnitudes) = (0.0, 0.0)
    for (real, imaginary) in zip(eigenvalues.real, eigenvalues.imaginary) {
      sum += real
      magnitudes += (real * real + imaginary * imaginary).squareRoot()
    }
    return magnitudes > 0 ? sum / magnitudes : 0
  }
}
