/// Rows of length 1: y = x / ‖x‖.
///
/// Input `[…, d]`. A row of zeros stays zero, with the derivative zero.
package struct UnitRows: Operation {
  package static let name = "unit_rows"

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].last ?? 0 > 0 else {
      throw ShapeFault(Self.name, "expected x [n, d]", inputs, weights)
    }
    return inputs[0]
  }

  /// Returns 1 / ‖x‖; 0 for a row of zeros.
  @inline(__always)
  private func factor<S: NetworkScalar>(_ x: Span<S>, _ row: Range<Int>) -> S {
    let square = x.sum(row) { x, _ in x * x }
    return square == 0 ? 0 : 1 / square.squareRoot()
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let columns = pass.output.columns
    try pass.compute.forEachRows(pass.output.rows, columns: columns) { rows in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        let factor = factor(x, range)
        y.fill(range) { x.lanes($0, end: range.upperBound) * factor }
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let columns = pass.output.columns
    try pass.compute.forEachRows(pass.output.rows, columns: columns) { rows in
      let (x, y, gradient) = (pass.input(0), pass.output.span, pass.gradient.span)
      var dx = target.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        let factor = factor(x, range)
        let product = y.sum(range) { y, index in y * gradient.lanes(index, end: range.upperBound) }
        dx.add(range) {
          (gradient.lanes($0, end: range.upperBound)
            - y.lanes($0, end: range.upperBound) * product) * factor
        }
      }
    }
  }

  package static let examples = [[4, 8], [1, 2], [3, 19]].map { OperationExample(UnitRows(), [$0]) }
}
