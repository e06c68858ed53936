import Base
import TensorCore

/// The speed of matrix products on one thread, beside the highest rate of this processor.
package struct ProductSpeed: Sendable {
  /// The rate of float32 multiplications and additions in a square product, in 1e9 per second.
  package let productRate: Double
  /// The rate of fused multiply-adds that stay in registers, counted as two each, in 1e9 per second. It is measured with
  /// the vectors of the highest CPU level.
  package let peakRate: Double

  /// Measures both for about `duration` each; the best round counts, because other programs slow some down.
  /// - Throws: ``InterruptedError`` if a stop is requested.
  package init(_ blas: BLAS, duration: Duration) throws {
    peakRate = Self.peakRate(duration: duration)
    productRate = try Self.productRate(blas, size: 512, duration: duration)
  }

  /// Measures the highest rate of multiplications and additions.
  package static func peakRate(duration: Duration) -> Double {
    rate(duration) { Kernels.best.multiplyAdd(rounds: 100_000) }
  }

  /// Measures the rate of a square product, which the crew of `blas` shares.
  /// - Throws: ``InterruptedError`` if a stop is requested.
  package static func productRate(
    _ blas: BLAS, size: Int, duration: Duration
  ) throws -> Double {
    let a = [Float](repeating: 0.5, count: size * size)
    let b = [Float](repeating: 0.25, count: size * size)
    var c = [Float](repeating: 0, count: size * size)
    return try rate(duration) {
      var span = c.mutableSpan
      try blas.multiply(a.span, by: b.span, rows: size, columns: size, depth: size, into: &span)
      return 2 * Double(size) * Double(size) * Double(size)
    }
  }

  private static func rate(
    _ duration: Duration, _ body: () throws -> Double
  ) rethrows -> Double {
    _ = try body()
    let start = ContinuousClock.now
    var best = 0.0
    while ContinuousClock.now - start < duration {
      let before = ContinuousClock.now
      let operationCount = try body()
      let seconds = (ContinuousClock.now - before) / .seconds(1)
      best = max(best, operationCount / seconds / 1e9)
    }
    return best
  }
}
