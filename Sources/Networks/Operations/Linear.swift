/// A linear layer: y = x Wᵀ + b.
///
/// Input `[…, in]`; weights W `[out, in]` and, if there is one, b `[out]`; output `[…, out]`.
/// - Complexity: O(rows · in · out).
package struct Linear: Operation {
  package static let name = "linear"
  package var readsTiles: Bool { true }
  package var setsInputGradients: Bool { true }

  /// True if weights outside of the pattern of W are skipped.
  package let isSparse: Bool

  package init(isSparse: Bool = false) { self.isSparse = isSparse }

  package func scratchCount(
    inputs: [[Int]], weights: [[Int]], isBackward: Bool, jobs: Int
  ) -> Int {
    guard isSparse else { return 0 }
    let rows = inputs[0].dropLast().reduce(1, *)
    return SparseGeometry(
      rows: rows, inputs: weights[0][1], outputs: weights[0][0], isDouble: false)?
      .scratchCount(of: rows, isBackward: isBackward, jobs: jobs) ?? 0
  }

  /// Returns the passes that skip weights; nil if products use the whole matrix.
  private func sparse<S: NetworkScalar>(
    _ x: Value<S>, _ weight: any Parameter<S>, _ compute: Compute
  ) -> (layer: SparseLayer<S>, pattern: SparsePattern)? {
    guard isSparse, let pattern = weight.pattern,
      let geometry = SparseGeometry(
        rows: x.rows, inputs: weight.shape[1], outputs: weight.shape[0],
        isDouble: S.self == Double.self)
    else { return nil }
    return (SparseLayer(geometry: geometry, compute: compute), pattern)
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, (1...2).contains(weights.count), weights[0].count == 2,
      inputs[0].last == weights[0][1], weights.count == 1 || weights[1] == [weights[0][0]]
    else {
      throw ShapeFault(Self.name, "expected x [n, in], W [out, in], b [out]", inputs, weights)
    }
    return inputs[0].dropLast() + [weights[0][0]]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (x, weight, y) = (pass.inputs[0], pass.weights[0], pass.output)
    if let (layer, pattern) = sparse(x, weight, pass.compute) {
      try layer.forward(x, pass.compute.whole(weight), pattern.kept, into: y)
      return try pass.addBias()
    }
    for tile in Compute.tiles(rows: weight.shape[0], columns: weight.shape[1]) {
      let part = try pass.compute.rows(tile, of: weight)
      try pass.compute.multiply(x.matrix(), part.transposed, into: y.matrix().columns(tile))
    }
    try pass.addBias()
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let (x, weight, gradient) = (pass.inputs[0], pass.weights[0], pass.gradient)
    if let (layer, pattern) = sparse(x, weight, pass.compute) {
      try layer.backward(
        x, pass.compute.whole(weight), pattern, gradient: gradient, to: pass.inputGradients[0],
        isNew: pass.areNew[0], pass.weightGradients[0])
      return try pass.addBiasGradient()
    }
    if let target = pass.inputGradients[0] {
      for tile in Compute.tiles(rows: weight.shape[0], columns: weight.shape[1]) {
        let part = try pass.compute.rows(tile, of: weight)
        try pass.compute.multiply(
          gradient.matrix().columns(tile), part,
          adding: !pass.areNew[0] || tile.lowerBound > 0, into: target.matrix())
      }
    }
    if let target = pass.weightGradients[0] {
      try pass.compute.addOuterProducts(gradient.matrix(), x.matrix(), to: target.matrix())
    }
    try pass.addBiasGradient()
  }

  package static let examples = [
    OperationExample(Linear(), [[4, 8]], weights: [[6, 8], [6]]),
    OperationExample(Linear(), [[1, 1]], weights: [[1, 1]]),
    OperationExample(Linear(), [[3, 5, 17]], weights: [[19, 17]]),
  ]
}

extension ForwardPass {
  /// Adds the bias of a linear layer, its second weight, if there is one.
  func addBias() throws {
    guard weights.count > 1 else { return }
    try compute.addRow(compute.whole(weights[1]), to: output)
  }
}

extension BackwardPass {
  /// Adds to the gradient of the bias of a linear layer.
  func addBiasGradient() throws {
    guard weights.count > 1, let target = weightGradients[1] else { return }
    try compute.addColumnSums(of: gradient, to: target)
  }
}

extension Compute {
  /// Adds a row to each row of `value`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func addRow<S: NetworkScalar>(_ row: Value<S>, to value: Value<S>) throws {
    let columns = row.count
    try forEachRows(value.rows, columns: columns) { rows in
      let bias = row.span
      var y = value.mutableSpan
      for row in rows {
        let start = row * columns
        y.add(start..<start + columns) { bias.lanes($0 - start, end: columns) }
      }
    }
  }

  /// Adds `scale` aᵀ b to `target`, in pieces of 4,096 rows.
  func addOuterProducts<S: NetworkScalar>(
    _ a: Matrix<S>, _ b: Matrix<S>, scale: S = 1, to target: Matrix<S>
  ) throws {
    for start in stride(from: 0, to: a.rows, by: Self.batchRowCount) {
      let piece = start..<min(a.rows, start + Self.batchRowCount)
      try multiply(
        a.rows(piece).transposed, b.rows(piece), scale: scale, adding: true, into: target)
    }
  }
}
