/// The rotary position embedding: rotates pairs (i, i + D/2) of the first D numbers of each head.
///
/// Inputs x `[rows, heads · headDim]` and a table `[positions, D]` with the cosines of all pairs, then the sines; row r
/// has the position of row r mod positions of the table. Numbers of a head from D on stay as they are.
/// Source: Su et al., "RoFormer: Enhanced transformer with rotary position embedding".
package struct Rotary: Operation {
  package static let name = "rotary"

  package let headDim: Int

  package init(headDim: Int) { self.headDim = headDim }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 2, weights.isEmpty, inputs.allSatisfy({ $0.count == 2 }),
      inputs[0][1] % headDim == 0, inputs[1][1] <= headDim, inputs[1][1] % 2 == 0,
      inputs[0][0] == 0 || (inputs[1][0] > 0 && inputs[0][0] % inputs[1][0] == 0)
    else {
      throw ShapeFault(
        Self.name, "expected x [n, heads · \(headDim)], table [positions, D]", inputs, weights)
    }
    return inputs[0]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    try rotate(
      pass.inputs[0], pass.inputs[1], sign: 1, isAdding: false, into: pass.output, pass.compute)
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    if let target = pass.inputGradients[0] {
      try rotate(
        pass.gradient, pass.inputs[1], sign: -1, isAdding: true, into: target, pass.compute)
    }
    if let target = pass.inputGradients[1] {
      try addTableGradient(pass.gradient, pass.inputs[0], to: target, pass.compute)
    }
  }

  /// Adds the derivatives by the cosines and sines, for each position over its rows and heads in order.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func addTableGradient<S: NetworkScalar>(
    _ gradient: Value<S>, _ x: Value<S>, to target: Value<S>, _ compute: Compute
  ) throws {
    let (columns, dim, positions) = (x.columns, target.columns, target.rows)
    let half = dim / 2
    try compute.forEachRows(positions, columns: columns * (x.rows / max(1, positions))) { places in
      let (x, gradient) = (x.span, gradient.span)
      var sum = target.mutableSpan
      for place in places {
        for row in stride(from: place, to: x.count / max(1, columns), by: positions) {
          for head in stride(from: row * columns, to: (row + 1) * columns, by: headDim) {
            for start in stride(from: 0, to: half, by: Lanes.count) {
              let (low, high) = (head + start, head + half + start)
              let a = x.lanes(low, end: head + half)
              let b = x.lanes(high, end: head + dim)
              let ga = gradient.lanes(low, end: head + half)
              let gb = gradient.lanes(high, end: head + dim)
              let end = min(half, start + Lanes.count)
              let angles = place * dim
              sum.add(angles + start..<angles + end) { _ in ga * a + gb * b }
              sum.add(angles + half + start..<angles + half + end) { _ in gb * a - ga * b }
            }
          }
        }
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func rotate<S: NetworkScalar>(
    _ x: Value<S>, _ table: Value<S>, sign: S, isAdding: Bool, into target: Value<S>,
    _ compute: Compute
  ) throws {
    let (columns, dim, positions) = (x.columns, table.columns, table.rows)
    let half = dim / 2
    try compute.forEachRows(x.rows, columns: columns) { rows in
      let (x, table) = (x.span, table.span)
      var y = target.mutableSpan
      for row in rows {
        let angles = (row % positions) * dim
        for head in stride(from: row * columns, to: (row + 1) * columns, by: headDim) {
          for start in stride(from: 0, to: half, by: Lanes.count) {
            let cosine = table.lanes(angles + start, end: angles + half)
            let sine = table.lanes(angles + half + start, end: angles + dim) * sign
            let a = x.lanes(head + start, end: head + half)
            let b = x.lanes(head + half + start, end: head + dim)
            let low = head + start..<min(head + half, head + start + Lanes.count)
            let high = low.lowerBound + half..<low.upperBound + half
            if isAdding {
              y.add(low) { _ in a * cosine - b * sine }
              y.add(high) { _ in b * cosine + a * sine }
            } else {
              y.fill(low) { _ in a * cosine - b * sine }
              y.fill(high) { _ in b * cosine + a * sine }
            }
          }
          let rest = head + dim..<head + headDim
          if isAdding {
            y.add(rest) { x.lanes($0, end: rest.upperBound) }
          } else {
            y.fill(rest) { x.lanes($0, end: rest.upperBound) }
          }
        }
      }
    }
  }

  package static let examples = [
    OperationExample(Rotary(headDim: 8), [[6, 16], [3, 8]]),
    OperationExample(Rotary(headDim: 2), [[1, 2], [1, 2]]),
    OperationExample(Rotary(headDim: 41), [[5, 82], [5, 38]]),
  ]
}
