import Base
package import TensorCore

/// The number of magnitudes for each value of a digit, where a digit is a group of bits of a magnitude.
///
/// A magnitude is the lower 31 bits of a float32; as an integer it has the same order as the value. Counters
/// of parts of the values, from several files or machines, are merged by addition, in any order.
///
/// Memory: 8 bytes for each of 65,536 counters of the upper 16 bits, or of 32,768 of the lower 15.
package struct DigitCounts: Sendable, Equatable {
  /// The end from which magnitudes are ranked.
  package enum Order: Sendable, Equatable { case smallest, largest }

  /// The values that are ranked.
  package enum Ranked: Sendable, Equatable {
    /// Every value; infinities are larger than finite values, and NaN is larger than infinities.
    case all
    /// Finite values only, as if there were no others.
    case finite
  }

  /// The digit of the magnitude that has a given rank.
  package struct Position: Sendable, Equatable {
    package var digit: Int
    /// The number of magnitudes whose digit comes before `digit` in the order.
    package var before: Int
  }

  /// The number of values of the upper bits that finite magnitudes can have; those of infinities and NaN
  /// follow.
  package static let finiteUpperCount = 0x7F80_0000 >> 15

  package let digits: Kernels.MagnitudeDigits
  package private(set) var counts: [UInt64]

  package init(_ digits: Kernels.MagnitudeDigits) {
    self.digits = digits
    counts = [UInt64](repeating: 0, count: digits.counterCount)
  }

  /// Returns the memory for the counters of a digit, in bytes.
  package static func byteCount(_ digits: Kernels.MagnitudeDigits) -> Int {
    8 * digits.counterCount
  }

  // MARK: Counting

  /// Counts F32 values.
  package mutating func add(_ values: borrowing RawSpan) {
    Kernels.best.countMagnitudes(values, digits: digits, into: &counts)
  }

  /// Adds `count` magnitudes with the digit `digit`.
  package mutating func add(_ count: UInt64, to digit: Int) { counts[digit] += count }

  /// Adds 64-bit counters that a kernel wrote. Most runs of counters are 0 and are skipped.
  package mutating func add(counters: borrowing RawSpan) {
    let run = 256
    for first in stride(from: 0, to: counts.count, by: run) {
      guard !Kernels.isAllZero(counters.extracting(8 * first..<8 * (first + run))) else { continue }
      for digit in first..<first + run {
        counts[digit] += counters.littleEndian(UInt64.self, at: 8 * digit)!
      }
    }
  }

  /// Adds the counts of the same digit of other values.
  package mutating func merge(_ other: DigitCounts) {
    precondition(digits == other.digits)
    for digit in counts.indices where other.counts[digit] > 0 {
      counts[digit] += other.counts[digit]
    }
  }

  // MARK: Ranks

  /// Returns the number of values that were counted.
  package func total(of ranked: Ranked = .all) -> Int {
    Int(counts[range(of: ranked)].reduce(0, +))
  }

  /// Returns the digit of the magnitude of `rank`, counted from 0; nil if `rank` is not below the total.
  package func position(
    ofRank rank: Int, from order: Order, of ranked: Ranked = .all
  ) -> Position? {
    positions(ofRanks: [rank], from: order, of: ranked).first
  }

  /// Returns the digits of ascending ranks, omitting ranks that are not below the total.
  package func positions(
    ofRanks ranks: [Int], from order: Order, of ranked: Ranked = .all
  ) -> [Position] {
    var positions: [Position] = []
    var before = 0
    func visit(_ digit: Int) -> Bool {
      let end = before + Int(counts[digit])
      while positions.count < ranks.count, ranks[positions.count] < end {
        positions.append(Position(digit: digit, before: before))
      }
      before = end
      return positions.count < ranks.count
    }
    let digits = range(of: ranked)
    switch order {
    case .smallest: for digit in digits where counts[digit] > 0 && !visit(digit) { break }
    case .largest:
      for digit in digits.reversed() where counts[digit] > 0 && !visit(digit) { break }
    }
    return positions
  }

  /// Returns the first digit after `digit`, in ascending order, with a nonzero count; nil if there is none.
  package func next(after digit: Int, of ranked: Ranked = .all) -> Int? {
    range(of: ranked).suffix(from: digit + 1).first { counts[$0] > 0 }
  }

  private func range(of ranked: Ranked) -> Range<Int> {
    switch (ranked, digits) {
    case (.finite, .upper): 0..<Self.finiteUpperCount
    // Lower bits are counted for one value of the upper bits, so they need no filter.
    case (.all, _), (.finite, .lower): 0..<counts.count
    }
  }
}
