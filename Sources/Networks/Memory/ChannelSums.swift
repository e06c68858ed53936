/// Sums over the rows of inputs of a linear layer, for each of its channels.
package struct ChannelSums: Sendable, Equatable {
  /// Σ x², Σ x, and max |x|, shape `[channels]` each.
  package private(set) var squares: [Double]
  package private(set) var sums: [Double]
  package private(set) var largest: [Float]
  /// The number of rows.
  package private(set) var rowCount = 0

  package init(channelCount: Int) {
    squares = Array(repeating: 0, count: channelCount)
    sums = squares
    largest = Array(repeating: 0, count: channelCount)
  }

  /// Creates sums that were stored.
  package init(squares: [Double], sums: [Double], largest: [Float], rowCount: Int) {
    (self.squares, self.sums, self.largest) = (squares, sums, largest)
    self.rowCount = rowCount
  }

  /// Adds the sums over other rows.
  package mutating func add(_ other: ChannelSums) {
    for channel in squares.indices {
      squares[channel] += other.squares[channel]
      sums[channel] += other.sums[channel]
      largest[channel] = max(largest[channel], other.largest[channel])
    }
    rowCount += other.rowCount
  }

  /// Creates the sums over the rows of `x`, shape `[rows, channels]`: of 256 rows at a time in float32, and of these in
  /// float64.
  /// - Complexity: O(rows · channels), with all workers of `compute`.
  package init(_ x: Value<Float>, _ compute: Compute) throws {
    self.init(channelCount: x.columns)
    rowCount = x.rows
    let columns = x.columns
    let groupCount = (columns + Lanes.count - 1) / Lanes.count
    let parts = try compute.map(groupCount) { group in
      Part(x.span, rows: x.rows, columns: columns, start: group * Lanes.count)
    }
    for (group, part) in parts.enumerated() {
      for lane in 0..<min(Lanes.count, columns - group * Lanes.count) {
        let channel = group * Lanes.count + lane
        squares[channel] = part.squares[lane]
        sums[channel] = part.sums[lane]
        largest[channel] = part.largest[lane]
      }
    }
  }

  /// The sums over 16 channels.
  private struct Part: Sendable {
    var squares = SIMD16<Double>(repeating: 0)
    var sums = SIMD16<Double>(repeating: 0)
    var largest = SIMD16<Float>(repeating: 0)

    init(_ x: borrowing Span<Float>, rows: Int, columns: Int, start: Int) {
      for first in stride(from: 0, to: rows, by: 256) {
        var (square, sum) = (SIMD16<Float>(repeating: 0), SIMD16<Float>(repeating: 0))
        for row in first..<min(rows, first + 256) {
          let lanes = x.lanes(row * columns + start, end: (row + 1) * columns)
          square += lanes * lanes
          sum += lanes
          let magnitude = lanes.replacing(with: -lanes, where: lanes .< 0)
          largest = largest.replacing(with: magnitude, where: magnitude .> largest)
        }
        squares += SIMD16<Double>(square)
        sums += SIMD16<Double>(sum)
      }
    }
  }
}
