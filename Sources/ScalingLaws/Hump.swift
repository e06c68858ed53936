/// The peaks of a curve of losses, such as the test loss over repeats: a hump, or none.
package struct HumpSearch: Sendable, Equatable {
  /// A place where the smoothed loss is larger than on both sides.
  package struct Peak: Sendable, Equatable {
    package let index: Int
    package let x: Double
    /// The smoothed loss.
    package let loss: Double
    /// The height over the higher one of the lowest losses on the two sides, up to a higher peak or the end.
    package let prominence: Double
  }

  /// The peaks whose prominence is at least the limit, from left to right.
  package let peaks: [Peak]
  /// The largest rise of a loss over the lowest loss before it, without smoothing.
  package let largestRise: Double
  /// The number of losses that are averaged.
  package let window: Int
  package let leastProminence: Double

  /// The number of points from which losses are smoothed.
  private static let smoothedCount = 15

  /// The highest peak; nil if there is no hump.
  package var hump: Peak? { peaks.max { $0.prominence < $1.prominence } }

  /// - Parameters:
  ///   - x: Ascending.
  ///   - window: An odd number of losses whose mean replaces the one in the middle, with the first and last loss repeated
  ///     at the ends; nil for 5, or 1 for fewer than 15 points.
  ///   - leastProminence: In nats.
  package init(
    x: [Double], losses: [Double], window: Int? = nil, leastProminence: Double = 0.02
  ) {
    precondition(x.count == losses.count && !x.isEmpty)
    let window = window ?? (x.count < Self.smoothedCount ? 1 : 5)
    precondition(window > 0 && window % 2 == 1)
    self.window = window
    self.leastProminence = leastProminence
    let smooth = Self.smoothed(losses, window)
    let left = Self.lows(before: smooth)
    let right = [Double](Self.lows(before: smooth.reversed()).reversed())
    peaks = Self.peakIndexes(smooth).compactMap { index in
      let prominence = smooth[index] - max(left[index], right[index])
      guard prominence >= leastProminence else { return nil }
      return Peak(index: index, x: x[index], loss: smooth[index], prominence: prominence)
    }
    var (lowest, rise) = (losses[0], 0.0)
    for loss in losses {
      lowest = min(lowest, loss)
      rise = max(rise, loss - lowest)
    }
    largestRise = rise
  }

  private static func smoothed(_ values: [Double], _ window: Int) -> [Double] {
    values.indices.map { index in
      let sum = (index - window / 2...index + window / 2).reduce(0) {
        $0 + values[min(values.count - 1, max(0, $1))]
      }
      return sum / Double(window)
    }
  }

  /// Returns the places of maxima inside of the curve; the middle one of equal values.
  private static func peakIndexes(_ values: [Double]) -> [Int] {
    var result: [Int] = []
    var index = 1
    while index < values.count - 1 {
      guard values[index] > values[index - 1] else {
        index += 1
        continue
      }
      var end = index
      while end + 1 < values.count, values[end + 1] == values[index] { end += 1 }
      if end + 1 < values.count, values[end + 1] < values[index] {
        result.append((index + end) / 2)
      }
      index = end + 1
    }
    return result
  }

  /// Returns for each value the lowest one from it back to the last larger one.
  /// - Complexity: O(*n*).
  private static func lows(before values: [Double]) -> [Double] {
    var open: [(value: Double, low: Double)] = []
    return values.map { value in
      var low = value
      while let last = open.last, last.value <= value {
        low = min(low, last.low)
        open.removeLast()
      }
      open.append((value, low))
      return low
    }
  }
}
