/// A linear layer with a low-rank adapter: y = x Wᵀ + s (x Aᵀ) Bᵀ.
///
/// Input `[…, in]`; weights W `[out, in]`, or `[in, out]` if ``isTransposed``, A `[rank, in]`, B `[out, rank]`; output
/// `[…, out]`.
/// Source: Hu et al., "LoRA: Low-rank adaptation of large language models", ICLR 2022.
/// - Complexity: O(rows · in · out).
package struct LowRankLinear: Operation {
  package static let name = "low_rank_linear"
  package var readsTiles: Bool { true }

  /// The factor s of the low-rank part.
  package let scale: Double

  /// True if W is stored with its inputs first, so that the first term is x W.
  package let isTransposed: Bool

  package init(scale: Double, isTransposed: Bool = false) {
    self.scale = scale
    self.isTransposed = isTransposed
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.count == 3, weights.allSatisfy({ $0.count == 2 }),
      let width = inputs[0].last, width == weights[1][1],
      weights[0] == (isTransposed ? [width, weights[2][0]] : [weights[2][0], width]),
      weights[2][1] == weights[1][0]
    else {
      throw ShapeFault(
        Self.name,
        "expected x [n, in], W \(isTransposed ? "[in, out]" : "[out, in]"), A [rank, in], B [out, rank]",
        inputs, weights)
    }
    return inputs[0].dropLast() + [weights[2][0]]
  }

  package func scratchCount(
    inputs: [[Int]], weights: [[Int]], isBackward: Bool, jobs: Int
  ) -> Int {
    (isBackward ? 2 : 1) * inputs[0].dropLast().reduce(1, *) * weights[1][0]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (x, y, compute) = (pass.inputs[0], pass.output, pass.compute)
    for tile in Compute.tiles(rows: pass.weights[0].shape[0], columns: pass.weights[0].shape[1]) {
      let part = try compute.rows(tile, of: pass.weights[0])
      if isTransposed {
        try compute.multiply(
          x.matrix().columns(tile), part, adding: tile.lowerBound > 0, into: y.matrix())
      } else {
        try compute.multiply(x.matrix(), part.transposed, into: y.matrix().columns(tile))
      }
    }
    let inner = try product(x, with: pass.weights[1], compute)
    let b = try compute.whole(pass.weights[2])
    try compute.multiply(
      inner.matrix(), b.matrix().transposed, scale: S(scale), adding: true, into: y.matrix())
  }

  /// Returns x Aᵀ.
  private func product<S: NetworkScalar>(
    _ x: Value<S>, with a: any Parameter<S>, _ compute: Compute
  ) throws -> Value<S> {
    let inner = Value<S>([x.rows, a.shape[0]], in: compute.arena)
    try compute.multiply(
      x.matrix(), compute.whole(a).matrix().transposed, into: inner.matrix())
    return inner
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let (x, gradient, compute) = (pass.inputs[0], pass.gradient, pass.compute)
    let (a, b) = (try compute.whole(pass.weights[1]), try compute.whole(pass.weights[2]))
    // The derivative by x Aᵀ.
    let inner = Value<S>([x.rows, a.shape[0]], in: compute.arena)
    try compute.multiply(gradient.matrix(), b.matrix(), scale: S(scale), into: inner.matrix())
    if let target = pass.inputGradients[0] {
      for tile in Compute.tiles(
        rows: pass.weights[0].shape[0], columns: pass.weights[0].shape[1])
      {
        let part = try compute.rows(tile, of: pass.weights[0])
        if isTransposed {
          try compute.multiply(
            gradient.matrix(), part.transposed, adding: true, into: target.matrix().columns(tile))
        } else {
          try compute.multiply(
            gradient.matrix().columns(tile), part, adding: true, into: target.matrix())
        }
      }
      try compute.multiply(inner.matrix(), a.matrix(), adding: true, into: target.matrix())
    }
    if let target = pass.weightGradients[0] {
      let factors = isTransposed ? (x, gradient) : (gradient, x)
      try compute.addOuterProducts(
        factors.0.matrix(), factors.1.matrix(), to: target.matrix())
    }
    if let target = pass.weightGradients[1] {
      try compute.addOuterProducts(inner.matrix(), x.matrix(), to: target.matrix())
    }
    if let target = pass.weightGradients[2] {
      let product = try product(x, with: pass.weights[1], compute)
      try compute.addOuterProducts(
        gradient.matrix(), product.matrix(), scale: S(scale), to: target.matrix())
    }
  }

  package static let examples = [
    OperationExample(LowRankLinear(scale: 2), [[4, 8]], weights: [[6, 8], [4, 8], [6, 4]]),
    OperationExample(LowRankLinear(scale: 1), [[1, 1]], weights: [[1, 1], [1, 1], [1, 1]]),
    OperationExample(
      LowRankLinear(scale: 0.5), [[5, 17]], weights: [[19, 17], [3, 17], [19, 3]]),
    OperationExample(
      LowRankLinear(scale: 0.5, isTransposed: true), [[5, 17]],
      weights: [[17, 19], [3, 17], [19, 3]]),
  ]
}
