/// Normalization by the root mean square: y = x / √(mean(x²) + ε) · w, or · (1 + w).
///
/// Input `[…, n·d]`; weight `[d]`; each run of d numbers is normalized on its own, so that a row may hold several heads.
/// Source: Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019; the form 1 + w is Gemma's.
package struct RMSNorm: Operation {
  package static let name = "rms_norm"

  package let epsilon: Double
  /// True to multiply by 1 + w.
  package let addsOne: Bool

  package init(epsilon: Double, addsOne: Bool = false) {
    self.epsilon = epsilon
    self.addsOne = addsOne
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.count == 1, weights[0].count == 1, weights[0][0] > 0,
      (inputs[0].last ?? 1) % weights[0][0] == 0
    else { throw ShapeFault(Self.name, "expected x [n, k d], w [d]", inputs, weights) }
    return inputs[0]
  }

  /// Returns 1 / √(mean(x²) + ε) of a row.
  @inline(__always)
  private func factor<S: NetworkScalar>(_ x: Span<S>, _ row: Range<Int>) -> S {
    let mean = x.sum(row) { x, _ in x * x } / S(row.count)
    return 1 / (mean + S(epsilon)).squareRoot()
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let weight = try pass.compute.whole(pass.weights[0])
    let (columns, shift) = (weight.count, addsOne ? S(1) : 0)
    try pass.compute.forEachRows(pass.output.count / columns, columns: columns) { rows in
      let (x, w) = (pass.input(0), weight.span)
      var y = pass.output.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        let factor = factor(x, range)
        y.fill(range) {
          let scale = w.lanes($0 - range.lowerBound, end: columns) + shift
          return x.lanes($0, end: range.upperBound) * factor * scale
        }
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let weight = try pass.compute.whole(pass.weights[0])
    let (columns, shift) = (weight.count, addsOne ? S(1) : 0)
    let rowCount = pass.gradient.count / columns
    if let target = pass.inputGradients[0] {
      try pass.compute.forEachRows(rowCount, columns: columns) { rows in
        let (x, w, gradient) = (pass.input(0), weight.span, pass.gradient.span)
        var dx = target.mutableSpan
        for row in rows {
          let range = row * columns..<(row + 1) * columns
          let factor = factor(x, range)
          // dx = r (g w) − r³ x mean(g w x), r = 1 / √(mean(x²) + ε)
          let product = x.sum(range) { x, index in
            x * gradient.lanes(index, end: range.upperBound)
              * (w.lanes(index - range.lowerBound, end: columns) + shift)
          }
          let share = product / S(columns) * factor * factor * factor
          dx.add(range) {
            let scale = w.lanes($0 - range.lowerBound, end: columns) + shift
            return gradient.lanes($0, end: range.upperBound) * scale * factor
              - x.lanes($0, end: range.upperBound) * share
          }
        }
      }
    }
    if let target = pass.weightGradients[0] {
      let x = pass.input(0)
      let factors = (0..<rowCount).map { factor(x, $0 * columns..<($0 + 1) * columns) }
      try pass.compute.addColumnSums(
        of: pass.gradient, times: pass.inputs[0], rowFactors: factors, to: target)
    }
  }

  package static let examples = [
    OperationExample(RMSNorm(epsilon: 1e-5), [[4, 8]], weights: [[8]]),
    OperationExample(RMSNorm(epsilon: 1e-2), [[1, 1]], weights: [[1]]),
    OperationExample(RMSNorm(epsilon: 1e-5, addsOne: true), [[3, 19]], weights: [[19]]),
    OperationExample(RMSNorm(epsilon: 1e-5), [[3, 34]], weights: [[17]]),
  ]
}
