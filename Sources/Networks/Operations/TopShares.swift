/// The shares of the experts of a mixture: the softmax of the largest logits of each row, and 0 for the others.
///
/// Input logits `[rows, experts]`; output of the same shape. Of equal logits, the first ones count. These are the shares
/// of Mixtral: the softmax over all experts, of which the largest are divided by their sum.
/// Source: Jiang et al., "Mixtral of experts", equation (1).
package struct TopShares: Operation {
  package static let name = "top_shares"

  /// The number of experts for a row.
  package let count: Int

  package init(_ count: Int) { self.count = count }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].count == 2,
      (1...max(1, inputs[0][1])).contains(count)
    else { throw ShapeFault(Self.name, "expected x [rows, \(count) or more]", inputs, weights) }
    return inputs[0]
  }

  /// Returns the indexes of the largest numbers of a row, in ascending order.
  private func selected<S: NetworkScalar>(_ x: Span<S>, _ row: Range<Int>) -> [Int] {
    row.sorted { x[$0] == x[$1] ? $0 < $1 : x[$0] > x[$1] }.prefix(count).sorted()
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let columns = pass.output.columns
    let x = pass.input(0)
    var y = pass.output.mutableSpan
    for row in 0..<pass.output.rows {
      let range = row * columns..<(row + 1) * columns
      y.fill(range) { _ in SIMD16(repeating: 0) }
      let chosen = selected(x, range)
      let largest = chosen.map { x[$0] }.max() ?? 0
      let powers = chosen.map { S.exp(SIMD16(repeating: x[$0] - largest))[0] }
      let sum = powers.reduce(0, +)
      for (index, power) in zip(chosen, powers) { y[index] = power / sum }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let columns = pass.output.columns
    let (y, gradient) = (pass.output.span, pass.gradient.span)
    var dx = target.mutableSpan
    // Shares of experts that were not chosen are 0, as is their derivative.
    for row in 0..<pass.output.rows {
      let range = row * columns..<(row + 1) * columns
      let sum = y.sum(range) { y, index in y * gradient.lanes(index, end: range.upperBound) }
      dx.add(range) {
        y.lanes($0, end: range.upperBound) * (gradient.lanes($0, end: range.upperBound) - sum)
      }
    }
  }

  package static let examples = [
    OperationExample(TopShares(2), [[3, 4]]), OperationExample(TopShares(1), [[1, 1]]),
    OperationExample(TopShares(3), [[7, 19]]),
  ]
}
