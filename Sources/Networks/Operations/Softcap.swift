/// A bound for logits: y = c tanh(x / c).
package struct Softcap: Operation {
  package static let name = "softcap"

  package let cap: Double

  package init(_ cap: Double) { self.cap = cap }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    try Self.shapeOfInput(inputs, weights)
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let cap = S(cap)
    try pass.compute.forEachElements(pass.output.count) { range in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      y.fill(range) { S.tanh(x.lanes($0, end: range.upperBound) / cap) * cap }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let cap = S(cap)
    try pass.compute.forEachElements(target.count) { range in
      let (x, gradient, end) = (pass.input(0), pass.gradient.span, range.upperBound)
      var sum = target.mutableSpan
      sum.add(range) {
        let t = S.tanh(x.lanes($0, end: end) / cap)
        return gradient.lanes($0, end: end) * (1 - t * t)
      }
    }
  }

  package static let examples = [[3, 8], [1, 1], [7, 37]].map {
    OperationExample(Softcap(3), [$0])
  }
}
