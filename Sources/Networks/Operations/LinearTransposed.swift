/// A linear layer whose weight is stored with its inputs first, as GPT-2's `Conv1D`: y = x W + b.
///
/// Input `[…, in]`; weights W `[in, out]` and, if there is one, b `[out]`; output `[…, out]`.
/// - Complexity: O(rows · in · out).
package struct LinearTransposed: Operation {
  package static let name = "linear_transposed"
  package var readsTiles: Bool { true }

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, (1...2).contains(weights.count), weights[0].count == 2,
      inputs[0].last == weights[0][0], weights.count == 1 || weights[1] == [weights[0][1]]
    else {
      throw ShapeFault(Self.name, "expected x [n, in], W [in, out], b [out]", inputs, weights)
    }
    return inputs[0].dropLast() + [weights[0][1]]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (x, weight, y) = (pass.inputs[0], pass.weights[0], pass.output)
    for tile in Compute.tiles(rows: weight.shape[0], columns: weight.shape[1]) {
      let part = try pass.compute.rows(tile, of: weight)
      try pass.compute.multiply(
        x.matrix().columns(tile), part, adding: tile.lowerBound > 0, into: y.matrix())
    }
    try pass.addBias()
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let (x, weight, gradient) = (pass.inputs[0], pass.weights[0], pass.gradient)
    if let target = pass.inputGradients[0] {
      for tile in Compute.tiles(rows: weight.shape[0], columns: weight.shape[1]) {
        let part = try pass.compute.rows(tile, of: weight)
        try pass.compute.multiply(
          gradient.matrix(), part.transposed, adding: true, into: target.matrix().columns(tile))
      }
    }
    if let target = pass.weightGradients[0] {
      try pass.compute.addOuterProducts(x.matrix(), gradient.matrix(), to: target.matrix())
    }
    try pass.addBiasGradient()
  }

  package static let examples = [
    OperationExample(LinearTransposed(), [[4, 8]], weights: [[8, 6], [6]]),
    OperationExample(LinearTransposed(), [[1, 1]], weights: [[1, 1]]),
    OperationExample(LinearTransposed(), [[5, 17]], weights: [[17, 19]]),
  ]
}
