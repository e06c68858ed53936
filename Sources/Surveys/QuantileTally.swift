import Base
import TensorCore

/// A tally of the lower bits of magnitudes in the bins that contain wanted ranks.
///
/// A tensor has many wanted ranks, and tallies of several tensors are open at once. Counters therefore have
/// 4 bytes until a bin is converted to `DigitCounts`. As in numpy, a quantile lies between the magnitudes of
/// two ranks, so a search for one rank is not enough.
struct QuantileTally: Sendable {
  private let wanted: WantedRanks
  private let bins: [Int]
  /// The number of times that each value of the lower 15 bits occurs in each bin, modulo 2³².
  private var counts: [UInt32]
  /// The number of times that a counter has wrapped around.
  private var carries: [Int: UInt64] = [:]
  private var squaresAbove = 0.0

  init(_ wanted: WantedRanks) {
    self.wanted = wanted
    bins = wanted.bins
    counts = [UInt32](repeating: 0, count: bins.count << 15)
  }

  /// Adds the magnitudes that the kernel found in the bins of a table.
  /// - Parameters:
  ///   - found: `count` words, each a slot and the lower 15 bits of a magnitude.
  ///   - squares: The sum of squares of the values above the top bin.
  mutating func add(
    _ found: borrowing RawSpan, count: Int, _ table: SlotTable, squares: Double
  ) {
    squaresAbove += squares
    // The first counter of each slot, or -1 for a bin that only another tally wants.
    let starts = table.bins.map { bin in bins.firstIndex(of: bin).map { $0 << 15 } ?? -1 }
    for index in 0..<count {
      let word = Int(found.littleEndian(UInt32.self, at: 4 * index)!)
      let start = starts[word >> 15]
      guard start >= 0 else { continue }
      let counter = start | word & 0x7FFF
      counts[counter] &+= 1
      if counts[counter] == 0 { carries[counter, default: 0] += 1 }
    }
  }

  /// Returns the quantiles and the sum of squares of the largest values.
  /// - Parameter path: The path of the file, for the error message.
  /// - Throws: `ChangedInputError` if the file changed since its histogram was computed.
  func quantiles(path: String) throws -> Quantiles {
    guard wanted.count > 0 else { return Quantiles() }
    let position = wanted.position(ofRank: wanted.count - wanted.topCount)
    let bin = counters(of: position.digit)
    var squares = squaresAbove
    // Add the largest values in the bin of the threshold until `topCount` values are counted.
    let inBin = bin.reduce(0) { $0 + count($1) }
    var rest = wanted.topCount - (wanted.count - position.before - inBin)
    for counter in bin.reversed() where counts[counter] > 0 || !carries.isEmpty {
      guard rest > 0 else { break }
      let (value, found) = (Self.value(position.digit, counter - bin.lowerBound), count(counter))
      squares += Double(min(rest, found)) * (value * value)
      rest -= found
    }
    return try Quantiles(wanted, topSquares: squares) { rank in
      guard let magnitude = magnitude(rank) else { throw ChangedInputError(path: path) }
      return magnitude
    }
  }

  /// The number of times that a value of the lower bits occurs.
  private func count(_ counter: Int) -> Int {
    let high = carries.isEmpty ? 0 : carries[counter] ?? 0
    return Int(UInt64(counts[counter]) + high << 32)
  }

  /// Returns the counters of a bin.
  private func counters(of bin: Int) -> Range<Int> {
    let start = bins.firstIndex(of: bin)! << 15
    return start..<start + 1 << 15
  }

  private static func value(_ bin: Int, _ low: Int) -> Double {
    Double(Float(bitPattern: UInt32(bin << 15 | low)))
  }

  /// Returns the magnitude of a rank; nil if its bin contains fewer values than the histogram counted.
  private func magnitude(_ rank: Int) -> Double? {
    let position = wanted.position(ofRank: rank)
    let bin = counters(of: position.digit)
    var below = rank - position.before
    for counter in bin {
      let found = count(counter)
      if below < found { return Self.value(position.digit, counter - bin.lowerBound) }
      below -= found
    }
    return nil
  }
}
