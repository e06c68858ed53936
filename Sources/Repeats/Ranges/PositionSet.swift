/// A set of positions as ranges.
package struct PositionSet: Sendable, Equatable {
  package private(set) var ranges: [Range<Int>] = []

  /// Adds the positions of a range. Call ``normalize()`` before reading.
  mutating func add(_ range: Range<Int>) {
    if let last = ranges.last, last.upperBound == range.lowerBound {
      ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
    } else {
      ranges.append(range)
    }
  }

  mutating func add(_ other: PositionSet) { ranges += other.ranges }

  /// Sorts the ranges and joins those that overlap or touch.
  mutating func normalize() {
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var joined: [Range<Int>] = []
    for range in ranges {
      if let last = joined.last, range.lowerBound <= last.upperBound {
        joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    ranges = joined
  }

  package var count: Int { ranges.reduce(0) { $0 + $1.count } }

  /// Returns the positions of all runs of `length` that start at a position of this set.
  func covered(by length: Int) -> PositionSet {
    var result = PositionSet()
    for range in ranges { result.ranges.append(range.lowerBound..<range.upperBound + length - 1) }
    result.normalize()
    return result
  }
}
