/// An activation: y = f(x) for each number.
package struct Activation: Operation {
  package static let name = "activation"

  package let kind: ActivationKind
  package var setsInputGradients: Bool { true }

  package init(_ kind: ActivationKind) { self.kind = kind }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    try Self.shapeOfInput(inputs, weights)
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    try pass.compute.forEachElements(pass.output.count) { range in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      y.fill(range) { kind.value(x.lanes($0, end: range.upperBound)) }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    try pass.compute.forEachElements(target.count) { range in
      let (x, gradient) = (pass.input(0), pass.gradient.span)
      var dx = target.mutableSpan
      dx.update(range, isAdding: !pass.areNew[0]) {
        let end = range.upperBound
        return gradient.lanes($0, end: end) * kind.slope(x.lanes($0, end: end))
      }
    }
  }

  package static let examples = ActivationKind.allCases.flatMap { kind in
    [[3, 8], [1, 1], [7, 37]].map { OperationExample(Activation(kind), [$0]) }
  }
}
