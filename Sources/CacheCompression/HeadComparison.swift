import Base
import Caches
import Checkpoints
import TensorCore

/// A comparison of the keys, values and attention outputs of one head in two caches.
struct HeadComparison: Sendable {
  /// The attention queries of a comparison.
  enum Queries: Sendable {
    /// Given queries of all heads, one head after the other.
    ///
    /// `perHead` is the number of queries, each of head dim values, for each kv head.
    case given([Float], perHead: Int)
    /// `count` random queries, scaled so that scores have a standard deviation of 2 over the tokens.
    case drawn(count: Int, layer: Int)
  }

  var key = Distance()
  var value = Distance()
  var attention = (squares: 0.0, normSquares: 0.0)

  /// Compares one head of a layer; `theirs` is the reference.
  ///
  /// - Parameter head: The index of the head over all batch items.
  init(
    _ mine: KVCache.Layer, _ theirs: KVCache.Layer, head: Int, queries: Queries,
    workspace: inout MutableRawSpan
  ) throws {
    let dimensions = mine.key.info.shape.dimensions
    let (tokens, dim) = (dimensions[2], dimensions[3])
    let valueDim = mine.value.info.shape.dimensions[3]
    func read(_ tensor: LazyTensor, _ dim: Int) throws -> [Float] {
      let count = tokens * dim
      let reader = FloatReader(tensor)
      return try reader.workspace(elementCount: count).withSpans(of: &workspace) { floats, rest in
        try reader.read(head * count..<(head + 1) * count, into: &floats, scratch: &rest)
        return floats.bytes.floats()
      }
    }
    let keys = [try read(mine.key, dim), try read(theirs.key, dim)]
    let values = [try read(mine.value, valueDim), try read(theirs.value, valueDim)]
    let (myKeys, theirKeys, myValues, theirValues) = (keys[0], keys[1], values[0], values[1])
    Kernels.best.addDistance(of: theirKeys.rawSpan, from: myKeys.rawSpan, to: &key)
    Kernels.best.addDistance(of: theirValues.rawSpan, from: myValues.rawSpan, to: &value)
    let rows: [Float]
    let isDrawn: Bool
    switch queries {
    case .given(let all, let count):
      rows = Array(all[head * count * dim..<(head + 1) * count * dim])
      isDrawn = false
    case .drawn(let count, let layer):
      rows = Self.normals(count: count * dim, layer: layer, head: head)
      isDrawn = true
    }
    for query in 0..<rows.count / dim {
      let q = rows[query * dim..<(query + 1) * dim].map(Double.init)
      var scores = keys.map { Self.scores(q, $0, tokens: tokens, dim: dim) }
      if isDrawn {
        // The scale is computed from the reference keys and applied to both caches.
        let mean = scores[1].reduce(0, +) / Double(tokens)
        let spread = (scores[1].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(tokens))
          .squareRoot()
        let scale = spread > 0 ? 2 / spread : 0
        scores = scores.map { $0.map { $0 * scale } }
      }
      let outputs = zip(scores, values).map { Self.output($0, $1, dim: valueDim) }
      for (a, b) in zip(outputs[0], outputs[1]) {
        attention.squares += (a - b) * (a - b)
        attention.normSquares += b * b
      }
    }
  }

  /// Returns the attention scores query · key / √dim for each token.
  private static func scores(
    _ query: [Double], _ keys: [Float], tokens: Int, dim: Int
  ) -> [Double] {
    let scale = 1 / Double(dim).squareRoot()
    return (0..<tokens).map { token in
      var sum = 0.0
      for channel in 0..<dim { sum += query[channel] * Double(keys[token * dim + channel]) }
      return sum * scale
    }
  }

  /// Returns the attention output: the mean of the values, weighted by the softmax of the scores.
  private static func output(_ scores: [Double], _ values: [Float], dim: Int) -> [Double] {
    let largest = scores.max() ?? 0
    var weights = scores.map { Exponent.exp($0 - largest) }
    let sum = weights.reduce(0, +)
    weights = weights.map { $0 / sum }
    var output = [Double](repeating: 0, count: dim)
    for (token, weight) in weights.enumerated() {
      for channel in 0..<dim { output[channel] += weight * Double(values[token * dim + channel]) }
    }
    return output
  }

  /// Returns approximately normal random numbers, each the sum of twelve uniform numbers minus 6.
  private static func normals(count: Int, layer: Int, head: Int) -> [Float] {
    let random = ElementRandom(tensorName: "layers.\(layer).query", seed: UInt64(head))
    var buffer = ByteBuffer(byteCount: 4 * 12 * count)
    var span = buffer.mutableBytes
    Kernels.best.uniforms(key: random.key, start: 0, into: &span)
    let uniforms = span.bytes.floats()
    return (0..<count).map { index in
      uniforms[12 * index..<12 * (index + 1)].reduce(-6, +)
    }
  }
}
