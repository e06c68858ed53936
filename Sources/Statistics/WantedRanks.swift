import TensorCore

/// The ranks among ascending magnitudes that quantiles need, and where a histogram has them.
struct WantedRanks: Sendable {
  let count: Int
  /// The bin of each rank, and how many values lie below the bin.
  private var places: [Int: (bin: Int, below: Int)] = [:]
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
    for rank in ranks { places[rank] = histogram.bin(ofRank: rank) }
    topBin = places[count - topCount]!.bin
    isOpen = !isSettled
    guard isSettled else { return }
    func value(_ bin: Int) -> Double { Double(Float(bitPattern: UInt32(bin) << 15)) }
    var squares = 0.0
    var above = 0
    for bin in topBin + 1..<max(topBin + 1, MagnitudeHistogram.finiteBinCount) {
      above += Int(histogram.counts[bin])
      squares += Double(histogram.counts[bin]) * (value(bin) * value(bin))
    }
    squares += Double(topCount - above) * (value(topBin) * value(topBin))
    settled = Quantiles(self, topSquares: squares) { value(places[$0]!.bin) }
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

  func place(_ rank: Int) -> (bin: Int, below: Int) { places[rank]! }

  /// Ascending.
  var bins: [Int] { Set(places.values.map(\.bin)).sorted() }
}

/// The lower bits of magnitudes in the bins that hold wanted ranks.
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

  var quantiles: Quantiles {
    guard wanted.count > 0 else { return Quantiles() }
    let place = wanted.place(wanted.count - wanted.topCount)
    let inBin = counts(of: place.bin)
    var squares = squaresAbove
    // The largest in the bin of the threshold, down to the last that is wanted.
    var rest = wanted.topCount - (wanted.count - place.below - Int(inBin.reduce(0, +)))
    for (low, count) in inBin.enumerated().reversed() where count > 0 {
      guard rest > 0 else { break }
      let value = Self.value(place.bin, low)
      squares += Double(min(rest, Int(count))) * (value * value)
      rest -= Int(count)
    }
    return Quantiles(wanted, topSquares: squares, magnitude)
  }

  private func counts(of bin: Int) -> [UInt64] {
    let start = bins.firstIndex(of: bin)! << 15
    return (start..<start + (1 << 15)).map { counter in
      UInt64(counts[counter]) + (carries[counter] ?? 0) << 32
    }
  }

  private static func value(_ bin: Int, _ low: Int) -> Double {
    Double(Float(bitPattern: UInt32(bin << 15 | low)))
  }

  private func magnitude(_ rank: Int) -> Double {
    let place = wanted.place(rank)
    var inside = rank - place.below
    for (low, count) in counts(of: place.bin).enumerated() {
      if inside < Int(count) { return Self.value(place.bin, low) }
      inside -= Int(count)
    }
    preconditionFailure("rank \(rank) is not in its bin")
  }
}
