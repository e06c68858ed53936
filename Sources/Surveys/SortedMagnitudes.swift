/// The results for a tensor whose magnitudes are all sorted, so that neither bins nor a second pass are needed.
struct SortedMagnitudes: Sendable {
  let count: Int
  let gini: Double?
  let quantiles: Quantiles
  /// The magnitudes by the bins of a histogram.
  let runs: MagnitudeRuns

  /// - Parameter magnitudes: The finite magnitudes as ascending float32 bits.
  /// - Complexity: O(*n*).
  init(_ magnitudes: [UInt32]) {
    count = magnitudes.count
    gini = Gini.value(sorted: magnitudes.span)
    func value(_ rank: Int) -> Double { Double(Float(bitPattern: magnitudes[rank])) }
    let ranks = WantedRanks(count: count, settled: Quantiles())
    let top = count > 0 ? count - ranks.topCount..<count : 0..<0
    let squares = top.reversed().reduce(0) { $0 + value($1) * value($1) }
    quantiles = Quantiles(ranks, topSquares: squares, value)
    runs = MagnitudeRuns(sorted: magnitudes)
  }
}
