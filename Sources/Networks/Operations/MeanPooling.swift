/// The mean of the first rows of each sequence, without its padding.
///
/// Input `[sequences · n, d]`; output `[sequences, d]`.
package struct MeanPooling: Operation {
  package static let name = "mean_pooling"

  /// The number of rows of each sequence that count, above 0.
  package let lengths: [Int]

  package init(lengths: [Int]) { self.lengths = lengths }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].count == 2, !lengths.isEmpty,
      inputs[0][0] % lengths.count == 0,
      lengths.allSatisfy({ (1...max(1, inputs[0][0] / lengths.count)).contains($0) })
    else {
      throw ShapeFault(Self.name, "expected x [\(lengths.count) n, d]", inputs, weights)
    }
    return [lengths.count, inputs[0][1]]
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (x, columns) = (pass.input(0), pass.output.columns)
    var y = pass.output.mutableSpan
    let rowCount = pass.inputs[0].rows / lengths.count
    for (sequence, length) in lengths.enumerated() {
      let target = sequence * columns..<(sequence + 1) * columns
      for row in 0..<length {
        let offset = (sequence * rowCount + row) * columns - target.lowerBound
        let end = target.upperBound + offset
        if row == 0 {
          y.fill(target) { x.lanes($0 + offset, end: end) }
        } else {
          y.add(target) { x.lanes($0 + offset, end: end) }
        }
      }
      let source = pass.output.span
      y.fill(target) { source.lanes($0, end: target.upperBound) / S(length) }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let sum = pass.inputGradients[0] else { return }
    let (gradient, columns) = (pass.gradient.span, pass.output.columns)
    var dx = sum.mutableSpan
    let rowCount = sum.rows / lengths.count
    for (sequence, length) in lengths.enumerated() {
      for row in 0..<length {
        let start = (sequence * rowCount + row) * columns
        let offset = sequence * columns - start
        dx.add(start..<start + columns) {
          gradient.lanes($0 + offset, end: (sequence + 1) * columns) / S(length)
        }
      }
    }
  }

  package static let examples = [
    OperationExample(MeanPooling(lengths: [3]), [[4, 8]]),
    OperationExample(MeanPooling(lengths: [1]), [[1, 1]]),
    OperationExample(MeanPooling(lengths: [5, 2, 4]), [[15, 19]]),
  ]
}
