import Base

/// The Gini coefficient of magnitudes.
///
/// It is 0 when all magnitudes are equal and approaches 1 when a few values hold the whole sum:
/// G = Σ(2i − n − 1)·xᵢ / (n·Σxᵢ) with xᵢ = |w|ᵢ + 1e-7 in ascending order.
/// Source: the official code of Diao et al., ICLR 2023.
package enum Gini {
  private static let offset = 1e-7

  /// Returns the coefficient of finite magnitudes, given as ascending float32 bits; nil if there are none.
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

  /// Returns the coefficient computed from a histogram and the exact sum of the magnitudes; nil if the
  /// histogram has no finite values.
  package static func value(_ histogram: MagnitudeHistogram, magnitudeSum: Double) -> Double? {
    let n = Double(histogram.finiteCount)
    guard n > 0 else { return nil }
    return histogram.rankWeightedSum / (n * (magnitudeSum + n * offset))
  }
}
