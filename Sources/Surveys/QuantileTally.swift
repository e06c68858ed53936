import Base
import TensorCore

/// The lower bits of magnitudes in the bins that hold wanted ranks.
///
/// A tensor has many wanted ranks, and tallies of several tensors are open at once: counters have 4 bytes
/// until a bin is looked at as `DigitCounts`. Quantiles lie between the magnitudes of two ranks, as numpy
/// has them, so that a search for the rank alone would not do.
struct QuantileTally: Sendable {
  private let wanted: WantedRanks
  private let bins: [Int]
  /// For each bin, how often each value of the lower 15 bits occurs, modulo 2³².
  private var counts: [UInt32]
  /// How often a counter has wrapped around.
  private var carries: [Int: UInt64] = [:]
  private var squaresAbove = 0.0

  init(_ wanted: WantedRanks) {
    self.wanted = wanted
    bins = wanted.bins
    counts = [UInt32](repeating: 0, count: bins.count << 15)
  }

  /// Adds what the kernel found in the bins of a table.
  mutating func add(
    _ found: borrowing RawSpan, count: Int, _ table: SlotTable, squares: Double
  ) {
    squaresAbove += squares
    // Where the counters of each slot begin; bins that only others want have none.
    let starts = table.bins.map { bin in bins.firstIndex(of: bin).map { $0 << 15 } ?? -1 }
    for place in 0..<count {
      let word = Int(found.littleEndian(UInt32.self, at: 4 * place)!)
      let start = starts[word >> 15]
      guard start >= 0 else { continue }
      let counter = start | word & 0x7FFF
      counts[counter] &+= 1
      if counts[counter] == 0 { carries[counter, default: 0] += 1 }
    }
  }

  /// - Parameter path: of the file, for the error of one that changed since its histogram was taken.
  func quantiles(path: String) throws -> Quantiles {
    guard wanted.count > 0 else { return Quantiles() }
    let place = wanted.place(wanted.count - wanted.topCount)
    let inBin = counts(of: place.digit)
    var squares = squaresAbove
    // The largest in the bin of the threshold, down to the last that is wanted.
    var rest = wanted.topCount - (wanted.count - place.before - inBin.total())
    for (low, count) in inBin.counts.enumerated().reversed() where count > 0 {
      guard rest > 0 else { break }
      let value = Self.value(place.digit, low)
      squares += Double(min(rest, Int(count))) * (value * value)
      rest -= Int(count)
    }
    return try Quantiles(wanted, topSquares: squares) { rank in
      guard let magnitude = magnitude(rank) else { throw ChangedInputError(path: path) }
      return magnitude
    }
  }

  private func counts(of bin: Int) -> DigitCounts {
    var result = DigitCounts(.lower(upper: bin))
    let start = bins.firstIndex(of: bin)! << 15
    for low in 0..<1 << 15 {
      let counter = start + low
      result.add(UInt64(counts[counter]) + (carries[counter] ?? 0) << 32, to: low)
    }
    return result
  }

  private static func value(_ bin: Int, _ low: Int) -> Double {
    Double(Float(bitPattern: UInt32(bin << 15 | low)))
  }

  /// nil if the bin of the rank has fewer values than its histogram says.
  private func magnitude(_ rank: Int) -> Double? {
    let place = wanted.place(rank)
    return counts(of: place.digit).place(ofRank: rank - place.before, from: .smallest).map {
      Self.value(place.digit, $0.digit)
    }
  }
}
