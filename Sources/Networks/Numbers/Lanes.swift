/// Loops over rows of numbers, 16 at a time.
///
/// Sums keep 16 partial sums, number i in sum i mod 16, and add them in pairs at the end: 8 apart, 4, 2, 1. The order
/// depends on the count alone.
enum Lanes {
  static let count = 16
}

extension Span where Element: NetworkScalar {
  /// Returns the 16 numbers from `index` on; those from `end` on are `padding`.
  @inline(__always)
  func lanes(_ index: Int, end: Int, padding: Element = 0) -> SIMD16<Element> {
    if index <= end - Lanes.count {
      // SAFETY: numbers have no padding that could be read uninitialized.
      let bytes = unsafe self.bytes
      return Element.lanes(bytes, at: index * MemoryLayout<Element>.stride)
    }
    var result = SIMD16<Element>(repeating: padding)
    for lane in 0..<max(0, end - index) { result[lane] = self[index + lane] }
    return result
  }

  /// Returns the sum of `body` over the lanes of `range`. `body` must return 0 for lanes that are padding, which are 0.
  @inline(__always)
  func sum(_ range: Range<Int>, _ body: (SIMD16<Element>, Int) -> SIMD16<Element>) -> Element {
    var total = SIMD16<Element>(repeating: 0)
    var index = range.lowerBound
    while index < range.upperBound {
      total += body(lanes(index, end: range.upperBound), index)
      index += Lanes.count
    }
    return total.pairwiseSum
  }

  @inline(__always)
  func sum(_ range: Range<Int>) -> Element { sum(range) { x, _ in x } }

  /// Returns the largest number in `range`; NaN if there is one; −∞ if the range is empty.
  @inline(__always)
  func largest(_ range: Range<Int>) -> Element {
    var best = SIMD16<Element>(repeating: -.infinity)
    var index = range.lowerBound
    while index < range.upperBound {
      best = Element.larger(best, lanes(index, end: range.upperBound, padding: -.infinity))
      index += Lanes.count
    }
    var result = best[0]
    for lane in 1..<Lanes.count where !(best[lane] <= result) && !result.isNaN {
      result = best[lane]
    }
    return result
  }
}

extension MutableSpan where Element: NetworkScalar {
  /// Stores the lanes from `index` on, without those from `end` on.
  @inline(__always)
  @_lifetime(self: copy self)
  mutating func set(_ lanes: SIMD16<Element>, _ index: Int, end: Int) {
    guard index <= end - Lanes.count else {
      for lane in 0..<max(0, end - index) { self[index + lane] = lanes[lane] }
      return
    }
    // SAFETY: whole numbers are stored, which every bit pattern is.
    var bytes = unsafe mutableBytes
    Element.store(lanes, into: &bytes, at: index * MemoryLayout<Element>.stride)
  }

  /// Sets the numbers in `range` to what `body` returns for 16 indexes at a time.
  @inline(__always)
  @_lifetime(self: copy self)
  mutating func fill(_ range: Range<Int>, _ body: (Int) -> SIMD16<Element>) {
    var index = range.lowerBound
    while index < range.upperBound {
      set(body(index), index, end: range.upperBound)
      index += Lanes.count
    }
  }

  /// Adds to the numbers in `range` what `body` returns for 16 indexes at a time, or sets them to it.
  @inline(__always)
  @_lifetime(self: copy self)
  mutating func update(
    _ range: Range<Int>, isAdding: Bool, _ body: (Int) -> SIMD16<Element>
  ) {
    if isAdding { add(range, body) } else { fill(range, body) }
  }

  /// Adds to the numbers in `range` what `body` returns for 16 indexes at a time.
  @inline(__always)
  @_lifetime(self: copy self)
  mutating func add(_ range: Range<Int>, _ body: (Int) -> SIMD16<Element>) {
    var index = range.lowerBound
    while index < range.upperBound {
      let before = span.lanes(index, end: range.upperBound)
      set(before + body(index), index, end: range.upperBound)
      index += Lanes.count
    }
  }
}

extension SIMD16 where Scalar: FloatingPoint {
  /// The sum of the lanes, added in pairs.
  @inline(__always)
  var pairwiseSum: Scalar {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }
}
