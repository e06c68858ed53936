/// The bins of a ``MagnitudeHistogram`` that have values, in ascending order.
///
/// A tensor of few values fills few of the 65,536 bins, so that a list of them is made and added to a histogram in a
/// small part of the time that a histogram of its own takes.
struct MagnitudeRuns: Sendable, Equatable {
  /// A bin with values.
  struct Run: Sendable, Equatable {
    var bin: Int
    var count: UInt64
    /// The sum of the lower 15 bits of the magnitudes.
    var lowerBits: UInt64
  }

  private(set) var runs: [Run] = []

  /// - Parameter magnitudes: Finite magnitudes as ascending float32 bits.
  /// - Complexity: O(*n*).
  init(sorted magnitudes: [UInt32]) {
    for bits in magnitudes {
      let (bin, lower) = (Int(bits >> 15), UInt64(bits & 0x7FFF))
      if let last = runs.indices.last, runs[last].bin == bin {
        runs[last].count += 1
        runs[last].lowerBits += lower
      } else {
        runs.append(Run(bin: bin, count: 1, lowerBits: lower))
      }
    }
  }

  /// The numbers of values by powers of two of their magnitudes; nil if all values are 0.
  var octaves: MagnitudeHistogram.Octaves? {
    // Octave 0 has the zeros and the subnormal numbers, which count as zeros here.
    let nonzero = runs.drop { $0.bin >> 8 == 0 }
    guard let first = nonzero.first, let last = nonzero.last else { return nil }
    let lowest = first.bin >> 8
    var counts = [Int](repeating: 0, count: (last.bin >> 8) - lowest + 1)
    for run in nonzero { counts[(run.bin >> 8) - lowest] += Int(run.count) }
    return MagnitudeHistogram.Octaves(lowest: lowest - 127, counts: counts)
  }
}

extension MagnitudeHistogram {
  /// Adds the values of bins.
  mutating func add(_ runs: MagnitudeRuns) {
    for run in runs.runs { add(run.count, to: run.bin, lowerBits: run.lowerBits) }
  }
}
