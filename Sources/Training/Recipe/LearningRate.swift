import Glibc

/// The learning rate over a training: a warm-up, then a schedule from its peak.
package struct LearningRate: Sendable, Equatable {
  package enum Schedule: Sendable, Equatable {
    case constant
    /// A straight line from the peak to its final share.
    case linear
    /// Half a wave from the peak to its final share.
    case cosine
    /// The peak times a factor for each period that is over.
    case step(every: Int, factor: Double)
  }

  /// The unit in which a schedule counts.
  package enum Unit: String, CaseIterable, Sendable {
    case step, epoch
  }

  package var peak: Double
  package var schedule = Schedule.constant
  package var unit = Unit.step
  /// The number of units with a rate that rises in equal parts up to the peak.
  package var warmup = 0
  /// The share of the peak that is reached after the last unit.
  package var finalShare = 0.0

  package init(peak: Double) { self.peak = peak }

  /// Returns the rate of a unit, counted from 0.
  ///
  /// The rate of unit k in a warm-up of W units is peak · (k + 1) / W. After it, t = (k − W) / (count − W), and the
  /// share of the peak is `finalShare` + (1 − `finalShare`) · (1 + cos πt) / 2 for a cosine, or · (1 − t) for a line.
  package func value(at unit: Int, of count: Int) -> Double {
    guard unit >= warmup else { return peak * Double(unit + 1) / Double(warmup) }
    let t = Double(unit - warmup) / Double(max(1, count - warmup))
    switch schedule {
    case .constant: return peak
    case .linear: return peak * (finalShare + (1 - finalShare) * (1 - t))
    case .cosine: return peak * (finalShare + (1 - finalShare) * (1 + cos(Double.pi * t)) / 2)
    case .step(let every, let factor):
      return (0..<(unit - warmup) / every).reduce(peak) { rate, _ in rate * factor }
    }
  }
}
