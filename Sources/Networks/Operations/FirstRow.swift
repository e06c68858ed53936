/// A row of a parameter before the rows of each sequence, such as the class token of an image encoder.
///
/// Input x `[sequences · n, d]`; weight w `[d]`; output `[sequences · (n + 1), d]`.
package struct FirstRow: Operation {
  package static let name = "first_row"

  package let sequenceCount: Int

  package init(sequenceCount: Int) { self.sequenceCount = sequenceCount }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.count == 1, inputs[0].count == 2,
      weights[0] == [inputs[0][1]], sequenceCount > 0, inputs[0][0] % sequenceCount == 0
    else { throw ShapeFault(Self.name, "expected x [n, d], w [d]", inputs, weights) }
    return [inputs[0][0] + sequenceCount, inputs[0][1]]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let row = try pass.compute.whole(pass.weights[0]).matrix(rows: 1)
    let count = pass.inputs[0].rows / sequenceCount
    for sequence in 0..<sequenceCount {
      let start = sequence * (count + 1)
      let target = pass.output.matrix().rows(start..<start + count + 1)
      try pass.compute.copy(row, to: target.rows(0..<1))
      try pass.compute.copy(
        pass.inputs[0].matrix().rows(sequence * count..<(sequence + 1) * count),
        to: target.rows(1..<count + 1))
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let count = pass.inputs[0].rows / sequenceCount
    for sequence in 0..<sequenceCount {
      let start = sequence * (count + 1)
      let source = pass.gradient.matrix().rows(start..<start + count + 1)
      if let sum = pass.weightGradients[0] {
        try pass.compute.copy(source.rows(0..<1), to: sum.matrix(rows: 1), isAdding: true)
      }
      if let sum = pass.inputGradients[0] {
        let rows = sequence * count..<(sequence + 1) * count
        try pass.compute.copy(
          source.rows(1..<count + 1), to: sum.matrix().rows(rows), isAdding: true)
      }
    }
  }

  package static let examples = [
    OperationExample(FirstRow(sequenceCount: 1), [[3, 8]], weights: [[8]]),
    OperationExample(FirstRow(sequenceCount: 1), [[1, 1]], weights: [[1]]),
    OperationExample(FirstRow(sequenceCount: 3), [[6, 19]], weights: [[19]]),
  ]
}
