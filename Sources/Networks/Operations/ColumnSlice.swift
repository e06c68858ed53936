/// Some columns of a matrix.
///
/// Input `[rows, d]`; output `[rows, columns]`.
package struct ColumnSlice: Operation {
  package static let name = "column_slice"

  package let range: Range<Int>

  package init(_ range: Range<Int>) { self.range = range }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].count == 2, range.lowerBound >= 0,
      range.upperBound <= inputs[0][1]
    else {
      throw ShapeFault(
        Self.name, "expected x [rows, \(range.upperBound) or more]", inputs, weights)
    }
    return [inputs[0][0], range.count]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    try pass.compute.copy(pass.inputs[0].matrix().columns(range), to: pass.output.matrix())
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let sum = pass.inputGradients[0] else { return }
    try pass.compute.copy(
      pass.gradient.matrix(), to: sum.matrix().columns(range), isAdding: true)
  }

  package static let examples = [
    OperationExample(ColumnSlice(2..<6), [[3, 8]]), OperationExample(ColumnSlice(0..<1), [[1, 1]]),
    OperationExample(ColumnSlice(5..<37), [[7, 40]]),
  ]
}

extension Compute {
  /// Copies or adds the numbers of a matrix to another one.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func copy<S: NetworkScalar>(
    _ source: Matrix<S>, to target: Matrix<S>, isAdding: Bool = false
  ) throws {
    precondition(source.rows == target.rows && source.columns == target.columns)
    try forEachRows(source.rows, columns: source.columns) { rows in
      let x = source.memory.span
      var y = target.memory.mutableSpan
      for row in rows {
        let start = source.start + row * source.stride
        let range = start..<start + source.columns
        let offset = target.start + row * target.stride - start
        let places = range.lowerBound + offset..<range.upperBound + offset
        if isAdding {
          y.add(places) { x.lanes($0 - offset, end: range.upperBound) }
        } else {
          y.fill(places) { x.lanes($0 - offset, end: range.upperBound) }
        }
      }
    }
  }
}
