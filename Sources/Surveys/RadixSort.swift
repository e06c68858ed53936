extension [UInt32] {
  /// Arrays of fewer numbers are sorted by comparisons, which is faster for them.
  private static let radixLimit = 512
  private static let digitBits = 11

  /// Returns the numbers in ascending order.
  ///
  /// Numbers are distributed by 11 bits at a time, from the lowest ones up; a digit that all numbers share costs nothing.
  /// - Complexity: O(*n*), with memory for another *n* numbers.
  func radixSorted() -> [UInt32] {
    guard count >= Self.radixLimit else { return sorted() }
    let mask: UInt32 = 1 << UInt32(Self.digitBits) - 1
    var values = self
    var other = [UInt32](repeating: 0, count: count)
    for shift in stride(from: 0, to: UInt32.bitWidth, by: Self.digitBits) {
      var places = [Int](repeating: 0, count: 1 << Self.digitBits)
      for value in values { places[Int(value >> UInt32(shift) & mask)] += 1 }
      guard !places.contains(values.count) else { continue }
      var sum = 0
      for digit in places.indices { (places[digit], sum) = (sum, sum + places[digit]) }
      for value in values {
        let digit = Int(value >> UInt32(shift) & mask)
        other[places[digit]] = value
        places[digit] += 1
      }
      swap(&values, &other)
    }
    return values
  }
}
