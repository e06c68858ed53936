import BLAS
import Networks

/// Computes the composition of heads of earlier layers with heads of later ones.
///
/// With A = vᵀ o and B = pᵀ r for matrices of shape `[d, hidden]`, |A B|² is the sum of M ∘ ((v vᵀ) M (r rᵀ)) for
/// M = o pᵀ, so that nothing larger than d × d is computed for a pair of heads.
struct HeadPairs {
  private let network: Network<Double>
  private let compute: Compute
  private let blas: BLAS
  private let progress: (Int) throws -> Void
  private let dim: Int
  private let hidden: Int
  private let headCount: Int
  private let groupCount: Int

  init(
    _ network: Network<Double>, _ compute: Compute, _ blas: BLAS,
    progress: @escaping (Int) throws -> Void
  ) {
    (self.network, self.compute, self.blas, self.progress) = (network, compute, blas, progress)
    let c = network.configuration
    (dim, hidden) = (c.headDim, c.hiddenSize)
    (headCount, groupCount) = (c.headCount, c.keyValueHeadCount)
  }

  /// The matrices of a layer's heads, each of the shape `[count · d, hidden]`, and x xᵀ of each head x, `[count, d, d]`.
  private struct Part {
    let rows: Value<Double>
    let squares: [Double]
    /// The number of heads that share a row block.
    let sharing: Int
  }

  private struct Layer {
    let queries: Part
    let keys: Part
    let values: Part
    let output: Part
    let valueCount: Int
  }

  private func layer(_ index: Int) throws -> Layer {
    let p = try network.attentionProjections(of: index, compute)
    return Layer(
      queries: try part(p.queries, headCount), keys: try part(p.keys, groupCount),
      values: try part(p.values, groupCount), output: try part(p.output, headCount),
      valueCount: p.queries.count + p.keys.count + p.values.count + p.output.count)
  }

  private func part(_ rows: Value<Double>, _ count: Int) throws -> Part {
    var squares = [Double](repeating: 0, count: count * dim * dim)
    for block in 0..<count {
      let x = rows.span.extracting(block * dim * hidden..<(block + 1) * dim * hidden)
      var all = squares.mutableSpan
      var target = all._mutatingExtracting(block * dim * dim..<(block + 1) * dim * dim)
      try blas.multiply(
        x, by: x, .transposed, rows: dim, columns: dim, depth: hidden, into: &target)
    }
    return Part(rows: rows, squares: squares, sharing: headCount / count)
  }

  /// Computes all pairs, two layers in memory at a time.
  func composition() throws -> HeadComposition {
    let all = headCount * network.layerCount
    var result = HeadComposition(headCount: all)
    for second in 0..<network.layerCount {
      let later = try layer(second)
      try progress(later.valueCount)
      for first in 0..<second {
        let earlier = try layer(first)
        func add(_ left: Part, _ right: Part, to list: inout [Double]) throws {
          let block = try compositions(of: earlier, left, right)
          for (index, score) in block.enumerated() {
            let (head, other) = index.quotientAndRemainder(dividingBy: headCount)
            list[(first * headCount + head) * all + second * headCount + other] = score
          }
        }
        try add(later.queries, later.keys, to: &result.queries)
        try add(later.keys, later.queries, to: &result.keys)
        try add(later.values, later.output, to: &result.values)
        try progress(earlier.valueCount)
      }
    }
    return result
  }

  /// Returns |A B| / (|A| |B|) for B = leftᵀ right of each head of the later layer, shape `[heads, heads]`.
  private func compositions(of earlier: Layer, _ left: Part, _ right: Part) throws -> [Double] {
    let columns = left.rows.rows
    var products = [Double](repeating: 0, count: headCount * dim * columns)
    var target = products.mutableSpan
    try blas.multiply(
      earlier.output.rows.span, by: left.rows.span, .transposed, rows: headCount * dim,
      columns: columns, depth: hidden, into: &target)
    var result = [Double](repeating: 0, count: headCount * headCount)
    for head in 0..<headCount {
      let values = square(of: earlier.values, head)
      let norm = inner(values, square(of: earlier.output, head))
      for other in 0..<headCount {
        let otherNorm = inner(square(of: left, other), square(of: right, other))
        guard norm > 0, otherNorm > 0 else { continue }
        let product = block(products, head, other / left.sharing, stride: columns)
        let scaled = multiplied(multiplied(values, product), square(of: right, other))
        let numerator = max(0, inner(product, scaled))
        // The product of the norms of tiny matrices would be 0.
        result[head * headCount + other] = (numerator / norm / otherNorm).squareRoot()
      }
    }
    return result
  }

  /// Returns x xᵀ of a head, shape `[d, d]`.
  private func square(of part: Part, _ head: Int) -> [Double] {
    let start = head / part.sharing * dim * dim
    return Array(part.squares[start..<start + dim * dim])
  }

  /// Returns the block of a head and of rows of the later layer, shape `[d, d]`.
  private func block(_ matrix: [Double], _ row: Int, _ column: Int, stride: Int) -> [Double] {
    (0..<dim).flatMap { index in
      let start = (row * dim + index) * stride + column * dim
      return matrix[start..<start + dim]
    }
  }

  private func multiplied(_ a: [Double], _ b: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: dim * dim)
    var target = result.mutableSpan
    blas.multiplyTile(a.span, by: b.span, rows: dim, columns: dim, depth: dim, into: &target)
    return result
  }

  private func inner(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }
}
