/// A product of two values, number by number: y = a · b.
package struct Product: Operation {
  package static let name = "product"

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
      let (a, b) = (pass.input(0), pass.input(1))
      var y = pass.output.mutableSpan
      y.fill(range) { a.lanes($0, end: range.upperBound) * b.lanes($0, end: range.upperBound) }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    try pass.compute.forEachElements(pass.gradient.count) { range in
      let (gradient, end) = (pass.gradient.span, range.upperBound)
      for (own, other) in [(0, 1), (1, 0)] {
        guard let target = pass.inputGradients[own] else { continue }
        let factor = pass.input(other)
        var sum = target.mutableSpan
        sum.add(range) { gradient.lanes($0, end: end) * factor.lanes($0, end: end) }
      }
    }
  }

  package static let examples = [
    OperationExample(Product(), [[3, 8], [3, 8]]),
    OperationExample(Product(), [[1, 1], [1, 1]]),
    OperationExample(Product(), [[7, 37], [7, 37]]),
  ]
}
