/// A gate: y = f(gate) · up for each number.
///
/// Source: Shazeer, "GLU variants improve transformer".
package struct Gated: Operation {
  package static let name = "gated"

  package let kind: ActivationKind

  package init(_ kind: ActivationKind) { self.kind = kind }

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
      let (gate, up) = (pass.input(0), pass.input(1))
      var y = pass.output.mutableSpan
      y.fill(range) {
        let end = range.upperBound
        return kind.value(gate.lanes($0, end: end)) * up.lanes($0, end: end)
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    try pass.compute.forEachElements(pass.gradient.count) { range in
      let (gate, up) = (pass.input(0), pass.input(1))
      let (gradient, end) = (pass.gradient.span, range.upperBound)
      if let target = pass.inputGradients[0] {
        var sum = target.mutableSpan
        sum.add(range) {
          gradient.lanes($0, end: end) * up.lanes($0, end: end)
            * kind.slope(gate.lanes($0, end: end))
        }
      }
      if let target = pass.inputGradients[1] {
        var sum = target.mutableSpan
        sum.add(range) { gradient.lanes($0, end: end) * kind.value(gate.lanes($0, end: end)) }
      }
    }
  }

  package static let examples = [
    OperationExample(Gated(.silu), [[3, 8], [3, 8]]),
    OperationExample(Gated(.geluTanh), [[1, 1], [1, 1]]),
    OperationExample(Gated(.gelu), [[7, 37], [7, 37]]),
  ]
}
