/// A sum of each row with a parameter: y = x + b.
///
/// Input `[…, d]`; weight b `[d]`.
package struct RowSum: Operation {
  package static let name = "row_sum"

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.count == 1, weights[0].count == 1,
      inputs[0].last == weights[0][0]
    else { throw ShapeFault(Self.name, "expected x [n, d], b [d]", inputs, weights) }
    return inputs[0]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    try pass.compute.copy(pass.inputs[0].matrix(), to: pass.output.matrix())
    try pass.compute.addRow(pass.compute.whole(pass.weights[0]), to: pass.output)
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    if let target = pass.inputGradients[0] {
      try pass.compute.copy(pass.gradient.matrix(), to: target.matrix(), isAdding: true)
    }
    if let target = pass.weightGradients[0] {
      try pass.compute.addColumnSums(of: pass.gradient, to: target)
    }
  }

  package static let examples = [
    OperationExample(RowSum(), [[3, 8]], weights: [[8]]),
    OperationExample(RowSum(), [[1, 1]], weights: [[1]]),
    OperationExample(RowSum(), [[7, 37]], weights: [[37]]),
  ]
}
