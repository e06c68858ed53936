/// Shares of rows: y = exp(x) / Σ exp(x).
///
/// Input `[…, d]`.
package struct Softmax: Operation {
  package static let name = "softmax"

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].last ?? 0 > 0 else {
      throw ShapeFault(Self.name, "expected x [n, d]", inputs, weights)
    }
    return inputs[0]
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let columns = pass.output.columns
    try pass.compute.forEachRows(pass.output.rows, columns: columns) { rows in
      let (x, y) = (pass.input(0), pass.output.span)
      var target = pass.output.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        let largest = x.largest(range)
        target.fill(range) { S.exp(x.lanes($0, end: range.upperBound) - largest) }
        let factor = 1 / y.sum(range)
        target.fill(range) { y.lanes($0, end: range.upperBound) * factor }
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let columns = pass.output.columns
    try pass.compute.forEachRows(pass.output.rows, columns: columns) { rows in
      let (y, gradient) = (pass.output.span, pass.gradient.span)
      var dx = target.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        let sum = y.sum(range) { y, index in y * gradient.lanes(index, end: range.upperBound) }
        dx.add(range) {
          y.lanes($0, end: range.upperBound) * (gradient.lanes($0, end: range.upperBound) - sum)
        }
      }
    }
  }

  package static let examples = [[3, 8], [1, 1], [7, 37]].map { OperationExample(Softmax(), [$0]) }
}
