/// A lookup of rows: y[i] = W[idsᵢ].
///
/// No input; weight W `[vocabulary, dim]`; output `[ids, dim]`. Only the rows of the ids are read.
/// - Complexity: O(ids · dim).
package struct Embedding: Operation {
  package static let name = "embedding"
  package var readsTiles: Bool { true }

  package let ids: [Int32]

  package init(_ ids: [Int32]) { self.ids = ids }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.isEmpty, weights.count == 1, weights[0].count == 2 else {
      throw ShapeFault(Self.name, "expected W [vocabulary, dim]", inputs, weights)
    }
    if let id = ids.first(where: { $0 < 0 || $0 >= weights[0][0] }) {
      throw ShapeFault(Self.name, "token \(id) is outside the vocabulary", inputs, weights)
    }
    return [ids.count, weights[0][1]]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (weight, target) = (pass.weights[0], pass.output.memory)
    let columns = weight.shape[1]
    try pass.compute.forEachRows(ids.count, columns: columns) { rows in
      for row in rows {
        let start = Int(ids[row]) * columns
        if let resident = weight.resident {
          let source = resident.span
          var target = target.mutableSpan
          target.fill(row * columns..<(row + 1) * columns) {
            source.lanes(start + $0 - row * columns, end: start + columns)
          }
        } else {
          try weight.read(start..<start + columns, into: target, at: row * columns)
        }
      }
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.weightGradients[0] else { return }
    let columns = pass.weights[0].shape[1]
    // Each group of columns adds the rows in their order.
    try pass.compute.forEach((columns + Lanes.count - 1) / Lanes.count) { group in
      let (start, end) = (group * Lanes.count, min(columns, (group + 1) * Lanes.count))
      let gradient = pass.gradient.span
      var sum = target.mutableSpan
      for (row, id) in ids.enumerated() {
        let offset = Int(id) * columns
        let term = gradient.lanes(row * columns + start, end: row * columns + end)
        sum.add(offset + start..<offset + end) { _ in term }
      }
    }
  }

  package static let examples = [
    OperationExample(Embedding([3, 1, 3]), [], weights: [[5, 8]]),
    OperationExample(Embedding([0]), [], weights: [[1, 1]]),
    OperationExample(Embedding([6, 0, 6, 6, 2]), [], weights: [[7, 19]]),
  ]
}
