/// Layer normalization: y = (x − mean x) / √(var x + ε) · w + b, with the biased variance.
///
/// Input `[…, d]`; weights w `[d]` and, if there is one, b `[d]`.
/// Source: Ba et al., "Layer normalization".
package struct LayerNorm: Operation {
  package static let name = "layer_norm"

  package let epsilon: Double

  package init(epsilon: Double) { self.epsilon = epsilon }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, (1...2).contains(weights.count), weights[0].count == 1,
      inputs[0].last == weights[0][0], weights[0][0] > 0, weights.allSatisfy({ $0 == weights[0] })
    else { throw ShapeFault(Self.name, "expected x [n, d], w [d], b [d]", inputs, weights) }
    return inputs[0]
  }

  /// Returns the mean of a row and 1 / √(variance + ε).
  @inline(__always)
  private func moments<S: NetworkScalar>(_ x: Span<S>, _ row: Range<Int>) -> (mean: S, factor: S) {
    let mean = x.sum(row) / S(row.count)
    let squares = x.sum(row) { x, index in
      let rest = row.upperBound - index
      var difference = x - mean
      if rest < Lanes.count { for lane in rest..<Lanes.count { difference[lane] = 0 } }
      return difference * difference
    }
    return (mean, 1 / (squares / S(row.count) + S(epsilon)).squareRoot())
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let weights = try pass.weights.map { try pass.compute.whole($0) }
    let weight = weights[0]
    let columns = weight.count
    try pass.compute.forEachRows(pass.output.rows, columns: columns) { rows in
      let (x, w) = (pass.input(0), weight.span)
      var y = pass.output.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        let (mean, factor) = moments(x, range)
        y.fill(range) {
          (x.lanes($0, end: range.upperBound) - mean) * factor
            * w.lanes($0 - range.lowerBound, end: columns)
        }
      }
    }
    if weights.count > 1 { try pass.compute.addRow(weights[1], to: pass.output) }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let weight = try pass.compute.whole(pass.weights[0])
    let columns = weight.count
    if let target = pass.inputGradients[0] {
      try pass.compute.forEachRows(pass.gradient.rows, columns: columns) { rows in
        let (x, w, gradient) = (pass.input(0), weight.span, pass.gradient.span)
        var dx = target.mutableSpan
        for row in rows {
          let range = row * columns..<(row + 1) * columns
          let (mean, factor) = moments(x, range)
          // dx = r (g w − mean(g w) − n mean(g w n)), n = (x − mean) r
          let plain = gradient.sum(range) { g, index in
            g * w.lanes(index - range.lowerBound, end: columns)
          }
          let product = gradient.sum(range) { g, index in
            g * w.lanes(index - range.lowerBound, end: columns)
              * (x.lanes(index, end: range.upperBound) - mean)
          }
          let offset = plain / S(columns)
          let share = product / S(columns) * factor * factor
          dx.add(range) {
            let scaled =
              gradient.lanes($0, end: range.upperBound)
              * w.lanes($0 - range.lowerBound, end: columns)
            return (scaled - offset - (x.lanes($0, end: range.upperBound) - mean) * share) * factor
          }
        }
      }
    }
    if let target = pass.weightGradients[0] {
      let x = pass.input(0)
      let all = (0..<pass.gradient.rows).map { moments(x, $0 * columns..<($0 + 1) * columns) }
      try pass.compute.addColumnSums(
        of: pass.gradient, times: pass.inputs[0], rowFactors: all.map(\.factor),
        rowOffsets: all.map(\.mean), to: target)
    }
    if pass.weights.count > 1, let target = pass.weightGradients[1] {
      try pass.compute.addColumnSums(of: pass.gradient, to: target)
    }
  }

  package static let examples = [
    OperationExample(LayerNorm(epsilon: 1e-5), [[4, 8]], weights: [[8], [8]]),
    OperationExample(LayerNorm(epsilon: 1e-2), [[1, 2]], weights: [[2]]),
    OperationExample(LayerNorm(epsilon: 1e-5), [[3, 19]], weights: [[19], [19]]),
  ]
}
