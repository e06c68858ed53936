import Base

/// The ranks among ascending magnitudes that quantiles need, and where a histogram has them.
struct WantedRanks: Sendable {
  let count: Int
  /// The bin of each rank, and how many values lie below the bin.
  private var places: [Int: DigitCounts.Place] = [:]
  /// What is known without another pass, where each bin holds one value only.
  private(set) var settled = Quantiles()
  /// Whether another pass is needed.
  private(set) var isOpen = false
  /// The bin with the smallest of the largest values.
  private(set) var topBin = MagnitudeHistogram.binCount

  /// - Parameter isSettled: whether no bin holds two values that differ.
  init(_ histogram: MagnitudeHistogram, isSettled: Bool) {
    count = histogram.finiteCount
    guard count > 0 else { return }
    var ranks = Set([count - topCount])
    for level in TensorStatistics.Distribution.levels {
      let (low, high) = neighbours(of: level)
      ranks.formUnion([low, high])
    }
    let sorted = ranks.sorted()
    let found = histogram.upper.places(ofRanks: sorted, from: .smallest, of: .finite)
    for (rank, place) in zip(sorted, found) { places[rank] = place }
    topBin = places[count - topCount]!.digit
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
    settled = Quantiles(self, topSquares: squares) { value(places[$0]!.digit) }
  }

  init() { count = 0 }

  /// How many values the largest 1 % are.
  var topCount: Int {
    max(1, Int((Double(count) * TensorStatistics.Distribution.topShare).rounded(.up)))
  }

  /// The ranks between which a quantile lies.
  func neighbours(of level: Double) -> (low: Int, high: Int) {
    let low = min(count - 1, Int(level * Double(count - 1)))
    return (low, min(low + 1, count - 1))
  }

  func place(_ rank: Int) -> DigitCounts.Place { places[rank]! }

  /// Ascending.
  var bins: [Int] { Set(places.values.map(\.digit)).sorted() }
}
