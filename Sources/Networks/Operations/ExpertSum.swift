/// The sum of the outputs of experts, each times its share: y[r] = Σ shares[r, e] · outputs_e[i], where r is the row
/// number i of expert e. Experts are added in their order.
///
/// Inputs shares `[rows, experts]`, then for each expert its outputs `[its rows, d]`; output `[rows, d]`.
package struct ExpertSum: Operation {
  package static let name = "expert_sum"

  /// The rows of each expert.
  package let rows: [[Int]]

  package init(_ rows: [[Int]]) { self.rows = rows }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard weights.isEmpty, !rows.isEmpty, inputs.count == rows.count + 1,
      inputs.allSatisfy({ $0.count == 2 }), inputs[0][1] == rows.count,
      zip(rows, inputs.dropFirst()).allSatisfy({
        $1 == [$0.count, inputs[1][1]] && $0.allSatisfy((0..<inputs[0][0]).contains)
      })
    else {
      throw ShapeFault(
        Self.name, "expected shares [rows, \(rows.count)], outputs [n, d]", inputs, weights)
    }
    return [inputs[0][0], inputs[1][1]]
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (shares, columns) = (pass.input(0), pass.output.columns)
    var y = pass.output.mutableSpan
    y.fill(0..<pass.output.count) { _ in SIMD16(repeating: 0) }
    for (expert, rows) in rows.enumerated() {
      let x = pass.input(expert + 1)
      for (index, row) in rows.enumerated() {
        let share = shares[row * self.rows.count + expert]
        let offset = (index - row) * columns
        y.add(row * columns..<(row + 1) * columns) {
          x.lanes($0 + offset, end: (index + 1) * columns) * share
        }
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let (shares, gradient, columns) = (pass.input(0), pass.gradient.span, pass.output.columns)
    for (expert, rows) in rows.enumerated() {
      let x = pass.input(expert + 1)
      for (index, row) in rows.enumerated() {
        let place = row * self.rows.count + expert
        let range = index * columns..<(index + 1) * columns
        let offset = (row - index) * columns
        if let target = pass.inputGradients[0] {
          var sum = target.mutableSpan
          sum[place] += x.sum(range) { x, index in
            x * gradient.lanes(index + offset, end: (row + 1) * columns)
          }
        }
        if let target = pass.inputGradients[expert + 1] {
          let share = shares[place]
          var sum = target.mutableSpan
          sum.add(range) { gradient.lanes($0 + offset, end: (row + 1) * columns) * share }
        }
      }
    }
  }

  package static let examples = [
    OperationExample(ExpertSum([[0, 2], [1, 2]]), [[3, 2], [2, 8], [2, 8]]),
    OperationExample(ExpertSum([[0]]), [[1, 1], [1, 1]]),
    OperationExample(
      ExpertSum([[0, 3], [], [1, 2, 3]]), [[4, 3], [2, 19], [0, 19], [3, 19]]),
  ]
}
