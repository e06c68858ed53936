import Base

/// The Gini coefficient of magnitudes: 0 when all are equal, towards 1 when few hold all.
///
/// As in the official code of Diao et al., ICLR 2023: G = Σ(2i − n − 1)·xᵢ / (n·Σxᵢ) with
/// xᵢ = |w|ᵢ + 1e-7 in ascending order.
package enum Gini {
  private static let offset = 1e-7

  /// From the sorted magnitudes of finite values, as bits of float32.
  package static func value(sorted magnitudes: borrowing Span<UInt32>) -> Double? {
    let n = Double(magnitudes.count)
    guard n > 0 else { return nil }
    var (weighted, sum) = (0.0, 0.0)
    for index in magnitudes.indices {
      let x = Double(Float(bitPattern: magnitudes[index]))
      weighted += (2 * Double(index + 1) - n - 1) * x
      sum += x
    }
    return weighted / (n * (sum + n * offset))
  }

  /// From a histogram and the exact sum.
  package static func value(_ histogram: MagnitudeHistogram, magnitudeSum: Double) -> Double? {
    let n = Double(histogram.finiteCount)
    guard n > 0 else { return nil }
    return histogram.rankWeightedSum / (n * (magnitudeSum + n * offset))
  }
}
