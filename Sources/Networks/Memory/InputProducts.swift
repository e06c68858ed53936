import Base

/// The products Xᵀ X of the inputs of a linear layer, shape `[channels, channels]`, over all rows that were added.
///
/// The product of the rows that are added at once is of float32, the sum over these products of float64. The order of the
/// sums depends on shapes alone.
package final class InputProducts: Sendable {
  package let channelCount: Int
  private let sums: Value<Double>

  /// The number of channels whose products are computed at once.
  private static let stripCount = 512

  package init(channelCount: Int, _ compute: Compute) {
    self.channelCount = channelCount
    sums = Value([channelCount, channelCount], isZero: true, in: compute.arena)
  }

  /// Returns the memory of the products, and of the product of some rows while it is added, in bytes.
  package static func byteCount(channelCount: Int) -> (kept: Int, working: Int) {
    (8 * channelCount * channelCount, 4 * min(stripCount, channelCount) * channelCount)
  }

  /// Adds the products of the inputs `x`, shape `[rows, channels]`.
  /// - Throws: ``InterruptedError`` if a stop is requested.
  /// - Complexity: O(rows · channels²), with all workers of `compute`.
  package func add(_ x: Value<Float>, _ compute: Compute) throws {
    precondition(x.columns == channelCount)
    guard x.rows > 0 else { return }
    let (all, sums) = (x.matrix(), sums)
    for start in stride(from: 0, to: channelCount, by: Self.stripCount) {
      let strip = start..<min(channelCount, start + Self.stripCount)
      let product = Value<Float>([strip.count, channelCount], in: compute.arena)
      try compute.multiply(all.columns(strip).transposed, all, into: product.matrix())
      try compute.forEachRows(strip.count, columns: channelCount) { part in
        let found = product.span
        var target = sums.mutableSpan
        for index in part.lowerBound * channelCount..<part.upperBound * channelCount {
          target[start * channelCount + index] += Double(found[index])
        }
      }
    }
  }

  /// The product of two channels.
  package subscript(_ row: Int, _ column: Int) -> Double {
    let sums = sums
    let numbers = sums.span
    return numbers[row * channelCount + column]
  }

  /// Copies products, row by row, as float64 numbers in little-endian order.
  @_lifetime(bytes: copy bytes)
  package func copy(_ elements: Range<Int>, into bytes: inout MutableRawSpan) {
    let sums = sums
    let source = sums.span
    // SAFETY: float64 numbers have no padding.
    let all = unsafe source.bytes
    bytes.copy(all.extracting(8 * elements.lowerBound..<8 * elements.upperBound))
  }
}
