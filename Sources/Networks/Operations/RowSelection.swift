/// Some rows of a matrix, in the given order.
///
/// Input `[rows, d]`; output `[indexes, d]`.
package struct RowSelection: Operation {
  package static let name = "row_selection"

  package let indexes: [Int]

  package init(_ indexes: [Int]) { self.indexes = indexes }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].count == 2,
      indexes.allSatisfy({ (0..<inputs[0][0]).contains($0) })
    else {
      throw ShapeFault(
        Self.name, "expected x [\((indexes.max() ?? -1) + 1) or more, d]", inputs, weights)
    }
    return [indexes.count, inputs[0][1]]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (source, target) = (pass.inputs[0].matrix(), pass.output.matrix())
    for (row, index) in indexes.enumerated() {
      try pass.compute.copy(source.rows(index..<index + 1), to: target.rows(row..<row + 1))
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let sum = pass.inputGradients[0] else { return }
    let source = pass.gradient.matrix()
    for (row, index) in indexes.enumerated() {
      try pass.compute.copy(
        source.rows(row..<row + 1), to: sum.matrix().rows(index..<index + 1), isAdding: true)
    }
  }

  package static let examples = [
    OperationExample(RowSelection([2, 0, 2]), [[3, 8]]),
    OperationExample(RowSelection([0]), [[1, 1]]),
    OperationExample(RowSelection([6, 1, 5, 1]), [[7, 37]]),
  ]
}
