/// A type of weight: `Float`, or `Double` for float64 files.
package typealias WeightNumber = BinaryFloatingPoint & Sendable

/// Percentiles with linear interpolation, as numpy computes them.
package enum Percentile {
  /// Returns the number at place (n − 1) · share of the sorted numbers, between two neighbours in proportion.
  ///
  /// - Parameters:
  ///   - numbers: At least one number; none is NaN.
  ///   - share: From 0 to 1.
  /// - Complexity: O(*n*) on average.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  package static func value<R: WeightNumber>(_ share: Double, of numbers: [R]) -> R {
    precondition(!numbers.isEmpty && (0...1).contains(share))
    let place = Double(numbers.count - 1) * share
    let below = min(numbers.count - 1, Int(place))  // fits: from 0 to the number of numbers
    let rest = R(place - Double(below))
    var numbers = numbers
    select(below, in: &numbers)
    let low = numbers[below]
    guard rest > 0, below + 1 < numbers.count else { return low }
    let high = numbers[(below + 1)...].reduce(R.infinity) { $0 <= $1 ? $0 : $1 }
    let step = high - low
    return rest >= 0.5 ? high - step * (1 - rest) : low + step * rest
  }

  /// Moves the number with a rank, counted from 0, to its place in sorted order, with no larger ones before it and no
  /// smaller ones after it.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  private static func select<R: WeightNumber>(_ rank: Int, in numbers: inout [R]) {
    var (start, end) = (0, numbers.count)
    while end - start > 1 {
      let (first, middle, last) = (numbers[start], numbers[(start + end) / 2], numbers[end - 1])
      let pivot = max(min(first, middle), min(max(first, middle), last))
      // Smaller numbers, equal ones, and larger ones.
      var (low, index, high) = (start, start, end)
      while index < high {
        if numbers[index] < pivot {
          numbers.swapAt(low, index)
          low += 1
          index += 1
        } else if numbers[index] > pivot {
          high -= 1
          numbers.swapAt(index, high)
        } else {
          index += 1
        }
      }
      if rank < low { end = low } else if rank >= high { start = high } else { return }
    }
  }
}
