/// Sums over the rows of inputs of a linear layer, for each of its channels.
package struct ChannelSums: Sendable, Equatable {
  /// Σ x², Σ x, and max |x|, shape `[channels]` each.
  package let squares: [Double]
  package let sums: [Double]
  package let largest: [Float]
  /// The number of rows.
  package let rowCount: Int

  /// The sums over no rows.
  package init(channelCount: Int) {
    rowCount = 0
    squares = Array(repeating: 0, count: channelCount)
    sums = squares
    largest = Array(repeating: 0, count: channelCount)
  }

  /// Creates sums that were computed before.
  package init(squares: [Double], sums: [Double], largest: [Float], rowCount: Int) {
    self.squares = squares
    self.sums = sums
    self.largest = largest
    self.rowCount = rowCount
  }
}
