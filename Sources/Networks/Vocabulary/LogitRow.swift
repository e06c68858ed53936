import Glibc

/// The running sums over a row of logits, of which only a part is known at a time.
struct LogitRow: Sendable {
  /// The largest logit so far.
  var largest = -Double.infinity
  /// Σ exp(x − largest).
  var sum = 0.0
  /// The token of the largest logit, the first of equals.
  var top: Int32 = 0
  /// The logit of the target.
  var target = 0.0

  /// log Σ exp(x).
  var logSum: Double { largest + log(sum) }

  /// Adds the sums over logits with higher indexes.
  mutating func add(_ other: LogitRow) {
    if other.largest > largest {
      sum = sum * exp(largest - other.largest) + other.sum
      (largest, top) = (other.largest, other.top)
    } else {
      sum += other.sum * exp(other.largest - largest)
    }
    target += other.target
  }

  /// Creates the sums over a tile of a row.
  /// - Parameters:
  ///   - range: The place of the tile in `logits`.
  ///   - first: The token of its first logit.
  ///   - wanted: The target of the row, perhaps outside of the tile.
  @inline(__always)
  init(_ logits: borrowing Span<Float>, _ range: Range<Int>, first: Int, target wanted: Int32) {
    let largest = logits.largest(range)
    let total = logits.sumOfExponentials(range, largest: largest)
    self.largest = Double(largest)
    sum = Double(total)
    for index in range where !(logits[index] < largest) {
      top = Int32(first + index - range.lowerBound)
      break
    }
    let place = Int(wanted) - first
    if (0..<range.count).contains(place) { target = Double(logits[range.lowerBound + place]) }
  }

  init() {}
}

extension Span where Element == Float {
  /// Returns Σ exp(x − largest) of a range.
  @inline(__always)
  func sumOfExponentials(_ range: Range<Int>, largest: Float) -> Float {
    var total = SIMD16<Float>(repeating: 0)
    var index = range.lowerBound
    while index < range.upperBound {
      total += Float.exp(lanes(index, end: range.upperBound, padding: -.infinity) - largest)
      index += Lanes.count
    }
    return total.pairwiseSum
  }
}
