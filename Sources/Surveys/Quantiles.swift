/// The quantiles of magnitudes, and the sum of squares of the largest.
struct Quantiles: Sendable {
  var values: [Double] = []
  var topSquareSum = 0.0

  /// Interpolates the quantiles at `TensorStatistics.Distribution.levels`.
  /// - Parameter magnitude: Returns the magnitude of a wanted rank.
  init(_ wanted: WantedRanks, topSquares: Double, _ magnitude: (Int) throws -> Double) rethrows {
    guard wanted.count > 0 else { return }
    values = try TensorStatistics.Distribution.levels.map { level in
      let position = level * Double(wanted.count - 1)
      let (low, high) = wanted.neighbours(of: level)
      let (a, b) = (try magnitude(low), try magnitude(high))
      return a + (b - a) * (position - Double(low))
    }
    topSquareSum = topSquares
  }

  init() {}
}
