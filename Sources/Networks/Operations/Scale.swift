/// A product with a constant: y = s x.
package struct Scale: Operation {
  package static let name = "scale"

  package let factor: Double

  package init(_ factor: Double) { self.factor = factor }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    try Self.shapeOfInput(inputs, weights)
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let factor = S(factor)
    try pass.compute.forEachElements(pass.output.count) { range in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      y.fill(range) { x.lanes($0, end: range.upperBound) * factor }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let factor = S(factor)
    try pass.compute.forEachElements(target.count) { range in
      let gradient = pass.gradient.span
      var sum = target.mutableSpan
      sum.add(range) { gradient.lanes($0, end: range.upperBound) * factor }
    }
  }

  package static let examples = [[3, 8], [1, 1], [7, 37]].map {
    OperationExample(Scale(-2.5), [$0])
  }
}
