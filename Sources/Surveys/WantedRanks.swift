import Base

/// The ranks among ascending magnitudes that quantiles need, and the histogram bins that contain them.
struct WantedRanks: Sendable {
  let count: Int
  /// The bin of each rank, and the number of values below the bin.
  private var positions: [Int: DigitCounts.Position] = [:]
  /// The quantiles, if each bin contains a single value and no second pass is needed.
  private(set) var settled = Quantiles()
  /// True if a second pass is needed.
  private(set) var isOpen = false
  /// The bin that contains the smallest of the `topCount` largest values.
  private(set) var topBin = MagnitudeHistogram.binCount

  /// Finds the bins of the wanted ranks.
  /// - Parameter isSettled: True if no bin contains two different values.
  init(_ histogram: MagnitudeHistogram, isSettled: Bool) {
    count = histogram.finiteCount
    guard count > 0 else { return }
    var ranks = Set([count - topCount])
    for level in TensorStatistics.Distribution.levels {
      let (low, high) = neighbours(of: level)
      ranks.formUnion([low, high])
    }
    let sorted = ranks.sorted()
    let found = histogram.upper.positions(ofRanks: sorted, from: .smallest, of: .finite)
    for (rank, position) in zip(sorted, found) { positions[rank] = position }
    topBin = positions[count - topCount]!.digit
    isOpen = !isSettled
    guard isSettled else { return }
    let counts = histogram.upper.counts
    func value(_ bin: Int) -> Double { Double(Float(bitPattern: UInt32(bin) << 15)) }
    var squares = 0.0
    var above = 0
    for bin in topBin + 1..<max(topBin + 1, MagnitudeHistogram.finiteBinCount) {
      above += Int(counts[bin])
      squares += Double(counts[bin]) * (value(bin) * value(bin))
    }
    squares += Double(topCount - above) * (value(topBin) * value(topBin))
    settled = Quantiles(self, topSquares: squares) { value(positions[$0]!.digit) }
  }

  /// Creates ranks whose quantiles are known, so that no second pass is needed.
  init(count: Int, settled: Quantiles) {
    self.count = count
    self.settled = settled
  }

  init() { count = 0 }

  /// The number of values in the largest 1 %, rounded up, at least 1.
  var topCount: Int {
    let share = TensorStatistics.Distribution.topShare
    return max(1, Int((Double(count) * share).rounded(.up)))  // fits: the share is 1 %
  }

  /// Returns the two ranks that a quantile is interpolated between.
  func neighbours(of level: Double) -> (low: Int, high: Int) {
    let low = min(count - 1, Int(level * Double(count - 1)))  // fits: level is from 0 to 1
    return (low, min(low + 1, count - 1))
  }

  func position(ofRank rank: Int) -> DigitCounts.Position { positions[rank]! }

  /// The bins of the wanted ranks, ascending.
  var bins: [Int] { Set(positions.values.map(\.digit)).sorted() }
}
