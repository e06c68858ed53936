import TensorCore

/// Sums over the rows of matrices with the same columns, such as the inputs of a linear layer, which do not depend on the
/// order of the matrices.
package struct ExactChannelSums: Sendable, Equatable {
  private var squares: ExactSums
  private var sums: ExactSums
  private var largest: [Float]
  private var rowCount = 0

  package init(channelCount: Int) {
    squares = ExactSums(count: channelCount)
    sums = squares
    largest = Array(repeating: 0, count: channelCount)
  }

  /// The number of bytes in memory for each channel.
  package static let channelByteCount = 2 * 8 * ExactSums.wordCount + 4

  /// Σ x², Σ x and max |x| of each channel, rounded once.
  package var rounded: ChannelSums {
    ChannelSums(
      squares: squares.numbers, sums: sums.numbers, largest: largest, rowCount: rowCount)
  }

  /// Adds the sums over other rows.
  package mutating func add(_ other: ExactChannelSums) {
    squares.add(other.squares)
    sums.add(other.sums)
    for channel in largest.indices {
      largest[channel] = max(largest[channel], other.largest[channel])
    }
    rowCount += other.rowCount
  }

  /// Adds the rows of `x`, shape `[rows, channels]`: of 256 rows at a time in float32, and of these exactly.
  /// - Returns: False if a sum of squares is too large for float32; then the sums are of no use.
  /// - Complexity: O(rows · channels), with all workers of `compute`.
  package mutating func add(_ x: Value<Float>, _ compute: Compute) throws -> Bool {
    rowCount += x.rows
    let columns = x.columns
    let groupCount = (columns + Lanes.count - 1) / Lanes.count
    let parts = try compute.map(groupCount) { group in
      Part(x.span, rows: x.rows, columns: columns, start: group * Lanes.count)
    }
    for (group, part) in parts.enumerated() {
      for lane in 0..<min(Lanes.count, columns - group * Lanes.count) {
        let channel = group * Lanes.count + lane
        largest[channel] = max(largest[channel], part.largest[lane])
        for (square, sum) in zip(part.squares, part.sums) {
          guard square[lane].isFinite, sum[lane].isFinite else { return false }
          squares.add(square[lane], at: channel)
          sums.add(sum[lane], at: channel)
        }
      }
    }
    return true
  }

  /// The sums of 256 rows at a time, over 16 channels.
  private struct Part: Sendable {
    var squares: [SIMD16<Float>] = []
    var sums: [SIMD16<Float>] = []
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
        squares.append(square)
        sums.append(sum)
      }
    }
  }

  // MARK: Bytes

  /// The sums as bytes.
  package var bytes: [UInt8] {
    var result = squares.bytes + sums.bytes
    for number in largest { result += number.bitPattern.bytesInOrder }
    return result + UInt64(rowCount).bytesInOrder
  }

  /// Reads sums from the front of `bytes`; nil if they are not those of `channelCount` channels.
  package init?(channelCount: Int, bytes: inout ArraySlice<UInt8>) {
    guard let squares = ExactSums(count: channelCount, bytes: &bytes),
      let sums = ExactSums(count: channelCount, bytes: &bytes),
      bytes.count >= 4 * channelCount + 8
    else { return nil }
    self.squares = squares
    self.sums = sums
    largest = []
    for _ in 0..<channelCount {
      let number = Float(bitPattern: UInt32(bytesInOrder: bytes.prefix(4)))
      guard number.isFinite, number >= 0 else { return nil }
      largest.append(number)
      bytes.removeFirst(4)
    }
    guard let rows = Int(exactly: UInt64(bytesInOrder: bytes.prefix(8))) else { return nil }
    rowCount = rows
    bytes.removeFirst(8)
  }
}

extension FixedWidthInteger {
  /// The bytes of the number, the lowest first.
  fileprivate var bytesInOrder: [UInt8] {
    stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> $0) }
  }

  /// The number with these bytes, the lowest first.
  fileprivate init(bytesInOrder bytes: ArraySlice<UInt8>) {
    self = bytes.reversed().reduce(0) { $0 << 8 | Self($1) }
  }
}
