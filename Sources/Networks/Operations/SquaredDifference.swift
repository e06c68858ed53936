/// Squared differences: y = (a − b)² for each number.
package struct SquaredDifference: Operation {
  package static let name = "squared_difference"

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 2, inputs[0] == inputs[1], weights.isEmpty else {
      throw ShapeFault(Self.name, "expected two inputs of one shape", inputs, weights)
    }
    return inputs[0]
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    try pass.compute.forEachElements(pass.output.count) { range in
      let (a, b, end) = (pass.input(0), pass.input(1), range.upperBound)
      var y = pass.output.mutableSpan
      y.fill(range) {
        let difference = a.lanes($0, end: end) - b.lanes($0, end: end)
        return difference * difference
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    try pass.compute.forEachElements(pass.gradient.count) { range in
      let (a, b, end) = (pass.input(0), pass.input(1), range.upperBound)
      let gradient = pass.gradient.span
      for (index, sign) in [(0, S(2)), (1, S(-2))] {
        guard let target = pass.inputGradients[index] else { continue }
        var sum = target.mutableSpan
        sum.add(range) {
          (a.lanes($0, end: end) - b.lanes($0, end: end)) * gradient.lanes($0, end: end) * sign
        }
      }
    }
  }

  package static let examples = [[3, 8], [1, 1], [7, 37]].map {
    OperationExample(SquaredDifference(), [$0, $0])
  }
}
