/// Rows of all numbers of an example: `[n, …]` becomes `[n, d]`.
package struct Flatten: Operation {
  package static let name = "flatten"

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, !inputs[0].isEmpty else {
      throw ShapeFault(Self.name, "expected x [n, …]", inputs, weights)
    }
    return [inputs[0][0], inputs[0].dropFirst().reduce(1, *)]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let rows = pass.output.rows
    try pass.compute.copy(pass.inputs[0].matrix(rows: rows), to: pass.output.matrix())
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let sum = pass.inputGradients[0] else { return }
    let rows = pass.gradient.rows
    try pass.compute.copy(pass.gradient.matrix(), to: sum.matrix(rows: rows), isAdding: true)
  }

  package static let examples = [
    OperationExample(Flatten(), [[3, 2, 2, 2]]),
    OperationExample(Flatten(), [[1]]),
    OperationExample(Flatten(), [[2, 3, 5, 7]]),
  ]
}
