/// The entropy of the softmax of each row: y = −Σ p log p, in nats.
///
/// Input logits `[rows, d]`; output `[rows]`.
package struct Entropy: Operation {
  package static let name = "entropy"

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].count == 2, inputs[0][1] > 0 else {
      throw ShapeFault(Self.name, "expected x [rows, d]", inputs, weights)
    }
    return [inputs[0][0]]
  }

  /// Returns Σ p log p of a row.
  @inline(__always)
  private func negative<S: NetworkScalar>(_ x: Span<S>, _ range: Range<Int>, logSum: S) -> S {
    x.sum(range) { x, index in
      let log = x - logSum
      // Lanes of padding are 0 in `x`, and must not count.
      let rest = range.upperBound - index
      var term = S.exp(log) * log
      if rest < Lanes.count { for lane in rest..<Lanes.count { term[lane] = 0 } }
      return term.replacing(with: 0, where: log .== -.infinity)
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let columns = pass.inputs[0].columns
    try pass.compute.forEachRows(pass.output.count, columns: columns) { rows in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        y[row] = -negative(x, range, logSum: x.logSumExp(range))
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let columns = pass.inputs[0].columns
    try pass.compute.forEachRows(pass.output.count, columns: columns) { rows in
      let (x, entropy, gradient) = (pass.input(0), pass.output.span, pass.gradient.span)
      var dx = target.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        let logSum = x.logSumExp(range)
        let (factor, entropy) = (gradient[row], entropy[row])
        // ∂/∂xᵢ = −pᵢ (log pᵢ + entropy)
        dx.add(range) {
          let log = x.lanes($0, end: range.upperBound) - logSum
          return (S.exp(log) * (log + entropy)).replacing(with: 0, where: log .== -.infinity)
            * -factor
        }
      }
    }
  }

  package static let examples = [[3, 8], [1, 1], [7, 37]].map { OperationExample(Entropy(), [$0]) }
}
