/// A sum of values of one shape: y = a + b + ….
package struct Sum: Operation {
  package static let name = "sum"

  package var setsInputGradients: Bool { true }

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard let first = inputs.first, inputs.allSatisfy({ $0 == first }), weights.isEmpty else {
      throw ShapeFault(Self.name, "expected inputs of one shape", inputs, weights)
    }
    return first
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    try pass.compute.forEachElements(pass.output.count) { range in
      var y = pass.output.mutableSpan
      for (index, input) in pass.inputs.enumerated() {
        let x = input.span
        if index == 0 {
          y.fill(range) { x.lanes($0, end: range.upperBound) }
        } else {
          y.add(range) { x.lanes($0, end: range.upperBound) }
        }
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    try pass.compute.forEachElements(pass.gradient.count) { range in
      let gradient = pass.gradient.span
      for (target, isNew) in zip(pass.inputGradients, pass.areNew) {
        guard let target else { continue }
        var sum = target.mutableSpan
        sum.update(range, isAdding: !isNew) { gradient.lanes($0, end: range.upperBound) }
      }
    }
  }

  package static let examples = [
    OperationExample(Sum(), [[3, 8], [3, 8]]),
    OperationExample(Sum(), [[1, 1]]),
    OperationExample(Sum(), [[7, 37], [7, 37], [7, 37]]),
  ]
}
