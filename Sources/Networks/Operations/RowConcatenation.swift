/// The rows of two values, sequence by sequence: first those of a, then those of b.
///
/// Inputs a `[sequences · m, d]`, b `[sequences · n, d]`; output `[sequences · (m + n), d]`.
package struct RowConcatenation: Operation {
  package static let name = "row_concatenation"

  package let sequenceCount: Int

  package init(sequenceCount: Int = 1) { self.sequenceCount = sequenceCount }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 2, weights.isEmpty, inputs.allSatisfy({ $0.count == 2 }),
      inputs[0][1] == inputs[1][1], sequenceCount > 0,
      inputs.allSatisfy({ $0[0] % sequenceCount == 0 })
    else { throw ShapeFault(Self.name, "expected a [m, d], b [n, d]", inputs, weights) }
    return [inputs[0][0] + inputs[1][0], inputs[0][1]]
  }

  /// Calls `body` with each part of an input and its place in the output.
  private func forEachPart<S: NetworkScalar>(
    _ inputs: [Value<S>], _ whole: Value<S>, _ body: (Int, Range<Int>, Matrix<S>) throws -> Void
  ) throws {
    var start = 0
    for sequence in 0..<sequenceCount {
      for (index, input) in inputs.enumerated() {
        let count = input.rows / sequenceCount
        let rows = sequence * count..<(sequence + 1) * count
        try body(index, rows, whole.matrix().rows(start..<start + count))
        start += count
      }
    }
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    try forEachPart(pass.inputs, pass.output) { index, rows, target in
      try pass.compute.copy(pass.inputs[index].matrix().rows(rows), to: target)
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    try forEachPart(pass.inputs, pass.gradient) { index, rows, source in
      guard let sum = pass.inputGradients[index] else { return }
      try pass.compute.copy(source, to: sum.matrix().rows(rows), isAdding: true)
    }
  }

  package static let examples = [
    OperationExample(RowConcatenation(), [[3, 8], [2, 8]]),
    OperationExample(RowConcatenation(), [[0, 1], [1, 1]]),
    OperationExample(RowConcatenation(sequenceCount: 3), [[3, 19], [6, 19]]),
  ]
}
