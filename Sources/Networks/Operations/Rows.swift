extension Compute {
  /// The number of rows whose sum is formed before it is added to the sum of the rows before them.
  static let batchRowCount = 4096

  /// Adds the sums of the columns of `value`, a matrix with as many columns as `target` has numbers, to `target`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func addColumnSums<S: NetworkScalar>(of value: Value<S>, to target: Value<S>) throws {
    try addColumnSums(of: value, times: nil, rowFactors: nil, to: target)
  }

  /// Adds the sums over rows i of `value[i, j] · (other[i, j] − rowOffsets[i]) · rowFactors[i]` to `target[j]`.
  ///
  /// Rows are added in their order, in pieces of 4,096.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func addColumnSums<S: NetworkScalar>(
    of value: Value<S>, times other: Value<S>?, rowFactors: [S]?, rowOffsets: [S]? = nil,
    to target: Value<S>
  ) throws {
    let columns = target.count
    guard columns > 0 else { return }
    let rows = value.count / columns
    try forEach((columns + Lanes.count - 1) / Lanes.count) { group in
      let (start, end) = (group * Lanes.count, min(columns, (group + 1) * Lanes.count))
      let x = value.span
      var total = target.mutableSpan
      for piece in stride(from: 0, to: rows, by: Self.batchRowCount) {
        var sum = SIMD16<S>(repeating: 0)
        for row in piece..<min(rows, piece + Self.batchRowCount) {
          var term = x.lanes(row * columns + start, end: row * columns + end)
          if let other {
            let factor = other.span.lanes(row * columns + start, end: row * columns + end)
            term *= rowOffsets.map { factor - $0[row] } ?? factor
          }
          sum += rowFactors.map { term * $0[row] } ?? term
        }
        total.add(start..<end) { _ in sum }
      }
    }
  }
}
