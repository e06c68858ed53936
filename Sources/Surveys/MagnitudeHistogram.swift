import Base
import TensorCore

/// How many magnitudes have each value of the upper 16 of their 31 bits as float32: bins of one part
/// in 256, that can be merged in any order.
package struct MagnitudeHistogram: Sendable, Equatable {
  package static let binCount = 1 << 16
  /// The first bin of infinity and NaN.
  package static let finiteBinCount = DigitCounts.finiteUpperCount

  /// How many magnitudes each bin has.
  package private(set) var upper = DigitCounts(.upper)
  /// The sum of the lower 15 bits of the magnitudes of each bin, which are linear in it.
  private var lowerBits = [UInt64](repeating: 0, count: binCount)

  package init() {}

  /// Adds 64-bit counters, as the kernel leaves them.
  package mutating func add(_ counters: borrowing RawSpan) {
    let lowerMask: UInt64 = (1 << Kernels.surveyCountShift) - 1
    for bin in 0..<Self.binCount {
      let counter = counters.littleEndian(UInt64.self, at: 8 * bin)!
      guard counter != 0 else { continue }
      upper.add(counter >> Kernels.surveyCountShift, to: bin)
      lowerBits[bin] += counter & lowerMask
    }
  }

  package mutating func add(_ count: UInt64, to bin: Int) { upper.add(count, to: bin) }

  package mutating func merge(_ other: MagnitudeHistogram) {
    upper.merge(other.upper)
    for bin in lowerBits.indices where other.lowerBits[bin] > 0 {
      lowerBits[bin] += other.lowerBits[bin]
    }
  }

  /// Values that are finite.
  package var finiteCount: Int { upper.total(of: .finite) }

  /// Σ(2i − n − 1)·xᵢ over the magnitudes in ascending order, as if those of a bin lay evenly around
  /// their mean.
  ///
  /// Right to about 1e-6 of n·Σx; exact where no bin has two values that differ.
  package var rankWeightedSum: Double {
    let n = Double(finiteCount)
    let counts = upper.counts
    var (below, sum) = (0.0, 0.0)
    for bin in 0..<Self.finiteBinCount where counts[bin] > 0 {
      let count = Double(counts[bin])
      let low = Double(Float(bitPattern: UInt32(bin) << 15))
      // Of the bits below a bin's, each stands for as much.
      let step = Double(Float(bitPattern: UInt32(bin) << 15 | 1)) - low
      let lower = Double(lowerBits[bin]) / count
      sum += count * (2 * below + count - n) * (low + step * lower)
      // Values spread no wider than their mean allows: none at all if it is the lower bound.
      let spread = 2 * min(lower, 32767 - lower)
      sum += step * spread * (count * count - 1) / 6
      below += count
    }
    return sum
  }
}
