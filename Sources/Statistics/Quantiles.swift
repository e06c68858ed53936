/// Quantiles of magnitudes, and the sum of squares of the largest.
struct Quantiles: Sendable {
  var values: [Double] = []
  var topSquareSum = 0.0

  /// - Parameter magnitude: of each rank that is wanted.
  init(_ wanted: WantedRanks, topSquares: Double, _ magnitude: (Int) -> Double) {
    guard wanted.count > 0 else { return }
    values = TensorStatistics.Distribution.levels.map { level in
      let position = level * Double(wanted.count - 1)
      let (low, high) = wanted.neighbours(of: level)
      let (a, b) = (magnitude(low), magnitude(high))
      return a + (b - a) * (position - Double(low))
    }
    topSquareSum = topSquares
  }

  init() {}
}
