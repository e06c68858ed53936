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

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (weight, target) = (pass.weights[0], pass.output.memory)
    let columns = weight.shape[1]
    var alone = Array(ids.indices)
    if weight.decodedChunks != nil, weight.resident == nil { alone = try readTiles(pass) }
    try pass.compute.forEachRows(alone.count, columns: columns) { [alone] places in
      for row in places.map({ alone[$0] }) {
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

  /// Reads tiles of the table with several ids as a whole, so that no chunk is decoded for each of them.
  /// - Returns: The rows of the output that are not written.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func readTiles<S: NetworkScalar>(_ pass: ForwardPass<S>) throws -> [Int] {
    let (weight, target) = (pass.weights[0], pass.output.memory)
    let columns = weight.shape[1]
    let tiles = Compute.tiles(rows: weight.shape[0], columns: columns)
    let length = tiles.first?.count ?? 1
    let places = Dictionary(grouping: ids.indices) { Int(ids[$0]) / length }
    var alone: [Int] = []
    for (tile, rows) in places.sorted(by: { $0.key < $1.key }) {
      guard rows.count > 2 else {
        alone += rows
        continue
      }
      let part = try pass.compute.rows(tiles[tile], of: weight)
      let source = part.memory.span
      var target = target.mutableSpan
      for row in rows {
        let start = (Int(ids[row]) - tiles[tile].lowerBound) * columns
        target.fill(row * columns..<(row + 1) * columns) {
          source.lanes(start + $0 - row * columns, end: start + columns)
        }
      }
    }
    return alone
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
