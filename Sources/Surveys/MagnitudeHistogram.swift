import Base
import TensorCore

/// A histogram of float32 magnitudes by the upper 16 of their 31 bits.
///
/// A bin spans one part in 256 of its value. Histograms can be merged in any order.
package struct MagnitudeHistogram: Sendable, Equatable {
  package static let binCount = 1 << 16
  /// The number of bins for finite values; the bins of infinity and NaN follow them.
  package static let finiteBinCount = DigitCounts.finiteUpperCount

  /// The number of magnitudes in each bin.
  package private(set) var upper = DigitCounts(.upper)
  /// The sum of the lower 15 bits of the magnitudes in each bin. Within a bin, the magnitude is linear in
  /// these bits.
  private var lowerBits = [UInt64](repeating: 0, count: binCount)

  package init() {}

  /// Adds the 64-bit counters that `Kernels.surveyHistogram` wrote.
  package mutating func add(_ counters: borrowing RawSpan) {
    let lowerMask: UInt64 = (1 << Kernels.surveyCountShift) - 1
    for bin in 0..<Self.binCount {
      let counter = counters.littleEndian(UInt64.self, at: 8 * bin)!
      guard counter != 0 else { continue }
      upper.add(counter >> Kernels.surveyCountShift, to: bin)
      lowerBits[bin] += counter & lowerMask
    }
  }

  /// Adds `count` magnitudes to a bin. Their lower bits are not known and count as 0.
  package mutating func add(_ count: UInt64, to bin: Int) { upper.add(count, to: bin) }

  /// Adds `count` magnitudes to a bin, with the sum of their lower 15 bits.
  mutating func add(_ count: UInt64, to bin: Int, lowerBits sum: UInt64) {
    upper.add(count, to: bin)
    lowerBits[bin] += sum
  }

  package mutating func merge(_ other: MagnitudeHistogram) {
    upper.merge(other.upper)
    for bin in lowerBits.indices where other.lowerBits[bin] > 0 {
      lowerBits[bin] += other.lowerBits[bin]
    }
  }

  /// The bins with finite values in ascending order: the number of values, and the mean of their magnitudes.
  package var bins: [(count: Int, magnitude: Double)] {
    let counts = upper.counts
    return (0..<Self.finiteBinCount).compactMap { bin in
      guard counts[bin] > 0 else { return nil }
      let low = Double(Float(bitPattern: UInt32(bin) << 15))
      let step = Double(Float(bitPattern: UInt32(bin) << 15 | 1)) - low
      return (Int(counts[bin]), low + step * Double(lowerBits[bin]) / Double(counts[bin]))
    }
  }

  /// The numbers of values by powers of two of their magnitudes; nil if all values are 0.
  package var octaves: Octaves? {
    let counts = upper.counts
    var sums = [UInt64](repeating: 0, count: Self.finiteBinCount >> 8)
    for bin in 0..<Self.finiteBinCount { sums[bin >> 8] += counts[bin] }
    // Octave 0 has the zeros and the subnormal numbers, which count as zeros here.
    guard let first = sums.indices.dropFirst().first(where: { sums[$0] > 0 }),
      let last = sums.lastIndex(where: { $0 > 0 })
    else { return nil }
    return Octaves(lowest: first - 127, counts: sums[first...last].map { Int($0) })
  }

  /// Numbers of values by powers of two: the first is of magnitudes from 2^lowest up to twice that.
  package struct Octaves: Sendable, Equatable {
    package var lowest: Int
    package var counts: [Int]

    package init(lowest: Int, counts: [Int]) {
      self.lowest = lowest
      self.counts = counts
    }

    /// Returns the counts of the octaves from 2^start up to 2^end; the first one includes all smaller magnitudes.
    /// - Precondition: `start` is less than `end`, and no magnitude is 2^end or more.
    package func counts(from start: Int, to end: Int) -> [Int] {
      var result = [Int](repeating: 0, count: end - start)
      for (index, count) in counts.enumerated() { result[max(0, lowest + index - start)] += count }
      return result
    }
  }

  /// The number of finite values.
  package var finiteCount: Int { upper.total(of: .finite) }

  /// The sum Σ(2i − n − 1)·xᵢ over the magnitudes in ascending order.
  ///
  /// The magnitudes in a bin are assumed to be spread evenly around their mean. The error is about 1e-6 of
  /// n·Σx. The sum is exact if no bin contains two different values.
  package var rankWeightedSum: Double {
    let n = Double(finiteCount)
    let counts = upper.counts
    var (below, sum) = (0.0, 0.0)
    for bin in 0..<Self.finiteBinCount where counts[bin] > 0 {
      let count = Double(counts[bin])
      let low = Double(Float(bitPattern: UInt32(bin) << 15))
      // Within a bin, a step of the lower bits always has the same size.
      let step = Double(Float(bitPattern: UInt32(bin) << 15 | 1)) - low
      let lower = Double(lowerBits[bin]) / count
      sum += count * (2 * below + count - n) * (low + step * lower)
      // The mean limits the spread: it is zero if the mean equals a bound of the bin.
      let spread = 2 * min(lower, 32767 - lower)
      sum += step * spread * (count * count - 1) / 6
      below += count
    }
    return sum
  }
}
