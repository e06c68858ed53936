import Base
package import TensorCore

/// How often each value of some bits of magnitudes occurs.
///
/// A magnitude is the lower 31 bits of a float32, whose order is that of its size. Counters of parts of the
/// values, of several files or machines, are merged by adding them, in any order.
///
/// Memory: 8 bytes for each of 65,536 counters of the upper 16 bits, or of 32,768 of the lower 15.
package struct DigitCounts: Sendable, Equatable {
  /// The end from which magnitudes are ranked.
  package enum Order: Sendable, Equatable { case smallest, largest }

  /// What has a rank.
  package enum Ranked: Sendable, Equatable {
    /// Every value; infinities are larger than finite values, and NaN is larger still.
    case all
    /// Finite values alone, as if there were no others.
    case finite
  }

  package struct Place: Sendable, Equatable {
    package var digit: Int
    /// How many magnitudes have a digit that comes before it.
    package var before: Int
  }

  /// The first value of the upper bits that infinities and NaN have.
  package static let finiteUpperCount = 0x7F80_0000 >> 15

  package let digits: Kernels.MagnitudeDigits
  package private(set) var counts: [UInt64]

  package init(_ digits: Kernels.MagnitudeDigits) {
    self.digits = digits
    counts = [UInt64](repeating: 0, count: digits.counterCount)
  }

  package static func byteCount(_ digits: Kernels.MagnitudeDigits) -> Int {
    8 * digits.counterCount
  }

  // MARK: Counting

  /// Counts F32 values.
  package mutating func add(_ values: borrowing RawSpan) {
    Kernels.best.countMagnitudes(values, digits: digits, into: &counts)
  }

  package mutating func add(_ count: UInt64, to digit: Int) { counts[digit] += count }

  /// Adds 64-bit counters that a kernel left in memory. They are nearly all 0, but for a few runs.
  package mutating func add(counters: borrowing RawSpan) {
    let run = 256
    for first in stride(from: 0, to: counts.count, by: run) {
      guard !Kernels.isAllZero(counters.extracting(8 * first..<8 * (first + run))) else { continue }
      for digit in first..<first + run {
        counts[digit] += counters.littleEndian(UInt64.self, at: 8 * digit)!
      }
    }
  }

  package mutating func merge(_ other: DigitCounts) {
    precondition(digits == other.digits)
    for digit in counts.indices where other.counts[digit] > 0 {
      counts[digit] += other.counts[digit]
    }
  }

  // MARK: Ranks

  /// How many values are counted.
  package func total(of ranked: Ranked = .all) -> Int {
    Int(counts[range(of: ranked)].reduce(0, +))
  }

  /// The digit of the magnitude of `rank`, from 0; nil if there are not so many.
  package func place(
    ofRank rank: Int, from order: Order, of ranked: Ranked = .all
  ) -> Place? {
    places(ofRanks: [rank], from: order, of: ranked).first
  }

  /// The digits of several ranks, which ascend; of those ranks that exist.
  package func places(
    ofRanks ranks: [Int], from order: Order, of ranked: Ranked = .all
  ) -> [Place] {
    var places: [Place] = []
    var before = 0
    func visit(_ digit: Int) -> Bool {
      let end = before + Int(counts[digit])
      while places.count < ranks.count, ranks[places.count] < end {
        places.append(Place(digit: digit, before: before))
      }
      before = end
      return places.count < ranks.count
    }
    let digits = range(of: ranked)
    switch order {
    case .smallest: for digit in digits where counts[digit] > 0 && !visit(digit) { break }
    case .largest:
      for digit in digits.reversed() where counts[digit] > 0 && !visit(digit) { break }
    }
    return places
  }

  /// The first digit after `digit`, in ascending order, that a counted magnitude has.
  package func next(after digit: Int, of ranked: Ranked = .all) -> Int? {
    range(of: ranked).suffix(from: digit + 1).first { counts[$0] > 0 }
  }

  private func range(of ranked: Ranked) -> Range<Int> {
    switch (ranked, digits) {
    case (.finite, .upper): 0..<Self.finiteUpperCount
    // Of lower bits the upper ones tell what they belong to.
    case (.all, _), (.finite, .lower): 0..<counts.count
    }
  }
}
