package import Networks

/// How far a block of a model is from that of a base.
package struct LayerComparison: Sendable, Equatable {
  package let layer: Int
  private var distance = 0.0
  private var norm = 0.0
  private var ownDistance = 0.0
  private var updateNorm = 0.0

  init(layer: Int) { self.layer = layer }

  /// ‖x − x̂‖ / ‖x‖ of the hidden states after the block, over all tokens: the errors of all blocks so far.
  package var relativeDistance: Double { norm == 0 ? 0 : (distance / norm).squareRoot() }

  /// ‖f(x) − f̂(x)‖ / ‖f(x) − x‖ of the block alone, both fed with the hidden states x of the base: the part of what the
  /// block does that is wrong.
  package var blockError: Double {
    updateNorm == 0 ? (ownDistance == 0 ? 0 : .infinity) : (ownDistance / updateNorm).squareRoot()
  }

  /// Half of what the block does, or more, is wrong. Weights of 3 bits have about 0.3, permuted or missing ones about 1.
  package var isBroken: Bool { blockError >= 0.5 }

  mutating func add(
    _ expected: Value<Float>, found: Value<Float>, own: Value<Float>, input: Value<Float>,
    _ compute: Compute
  ) throws {
    distance += try compute.squaredDistance(expected, found)
    norm += try compute.squaredNorm(expected)
    ownDistance += try compute.squaredDistance(expected, own)
    updateNorm += try compute.squaredDistance(expected, input)
  }
}

/// The comparison of a model with a base.
package struct ModelComparison: Sendable, Equatable {
  /// For each scored token, in order.
  package let tokens: [TokenComparison]
  /// For each block; empty if blocks were not compared.
  package let layers: [LayerComparison]

  /// The first block that does something else than that of the base.
  package var firstBroken: LayerComparison? { layers.first(where: \.isBroken) }
}
