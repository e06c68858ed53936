import TensorCore

/// How many magnitudes have each value of the upper 16 of their 31 bits as float32: bins of one part
/// in 256, that can be merged in any order.
package struct MagnitudeHistogram: Sendable, Equatable {
  package static let binCount = 1 << 16
  /// The first bin of infinity and NaN.
  package static let finiteBinCount = 0x7F80_0000 >> 15

  package private(set) var counts = [UInt64](repeating: 0, count: binCount)

  package init() {}

  /// Adds 32-bit counters, as the kernel leaves them.
  package mutating func add(_ counters: borrowing RawSpan) {
    // Most bins are empty: eight at a time are looked at.
    var bin = 0
    while bin < Self.binCount {
      let pair = counters.littleEndian(UInt64.self, at: 4 * bin)!
      if pair != 0 {
        counts[bin] += pair & 0xFFFF_FFFF
        counts[bin + 1] += pair >> 32
      }
      bin += 2
    }
  }

  package mutating func add(_ count: UInt64, to bin: Int) { counts[bin] += count }

  package mutating func merge(_ other: MagnitudeHistogram) {
    for bin in counts.indices where other.counts[bin] > 0 { counts[bin] += other.counts[bin] }
  }

  /// Values that are finite.
  package var finiteCount: Int {
    Int(counts[..<Self.finiteBinCount].reduce(0, +))
  }

  /// The bin of the magnitude of `rank` in ascending order, from 0, and how many lie below the bin.
  ///
  /// Requires a rank below the number of finite values.
  package func bin(ofRank rank: Int) -> (bin: Int, below: Int) {
    var below = 0
    for bin in 0..<Self.finiteBinCount {
      let count = Int(counts[bin])
      if rank < below + count { return (bin, below) }
      below += count
    }
    preconditionFailure("rank \(rank) of \(below) values")
  }

  /// Σ(2i − n − 1)·xᵢ over the magnitudes in ascending order, those of a bin lying evenly in it.
  ///
  /// Right to about 1e-7 of n·Σx for smooth distributions; exact where no bin has two values.
  package var rankWeightedSum: Double {
    let n = Double(finiteCount)
    var (below, sum) = (0.0, 0.0)
    for bin in 0..<Self.finiteBinCount where counts[bin] > 0 {
      let count = Double(counts[bin])
      let low = Double(Float(bitPattern: UInt32(bin) << 15))
      let next = Float(bitPattern: UInt32(bin + 1) << 15)
      let width = Double(next.isFinite ? next : .greatestFiniteMagnitude) - low
      let middle = bin == 0 ? 0 : low + width / 2
      sum += count * (2 * below + count - n) * middle
      if bin > 0 { sum += width * (count * count - 1) / 6 }
      below += count
    }
    return sum
  }
}
