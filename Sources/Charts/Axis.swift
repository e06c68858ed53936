import Base
import Glibc

/// A scale from values to positions on a line, with the values that are labelled.
struct Axis {
  let scale: AxisScale
  private let low: Double
  private let high: Double
  /// The values with a label, ascending.
  let ticks: [Double]

  /// - Parameter values: The values on the axis; those that the scale cannot show are left out.
  init(_ scale: AxisScale, values: [Double]) {
    self.scale = scale
    let shown = values.filter { Self.canShow($0, scale) }
    let (least, most) = (shown.min() ?? 0, shown.max() ?? 1)
    switch scale {
    case .shares:
      (low, high) = (0, 1)
      ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    case .linear, .fitted:
      let start = scale == .linear ? min(0, least) : Self.start(least, most)
      let span = most - start > Self.limits.lowerBound ? most - start : 1
      let step = Self.step(span / 5)
      (low, high) = (start, start + (span / step).rounded(.up) * step)
      let first = (start / step).rounded(.up)
      let (from, step0) = (first * step, step)
      ticks = (0..<12).map { from + Double($0) * step0 }.filter { [high = self.high] in
        $0 <= high * 1.0001
      }
    case .logarithmic:
      let bottom = log10(least > 0 ? least : 1).rounded(.down)
      let top = max(bottom + 1, log10(most > 0 ? most : 10).rounded(.up))
      (low, high) = (bottom, top)
      let gap = max(1, ((top - bottom) / 6).rounded(.up))
      ticks = (0..<8).map { bottom + Double($0) * gap }.filter { $0 <= top }.map { pow(10, $0) }
    }
  }

  /// The magnitudes for which ends and steps of an axis neither overflow nor underflow.
  private static let limits: ClosedRange<Double> = 1e-300...1e300

  private static func canShow(_ value: Double, _ scale: AxisScale) -> Bool {
    switch scale {
    case .logarithmic: limits.contains(value)
    case .shares, .linear, .fitted: value.magnitude <= limits.upperBound
    }
  }

  /// Returns a round number below all values, near the lowest one.
  private static func start(_ least: Double, _ most: Double) -> Double {
    guard most - least > limits.lowerBound else { return least }
    let step = step((most - least) / 5)
    return (least / step).rounded(.down) * step
  }

  /// Returns 1, 2 or 5 times a power of ten that is at least `size`.
  private static func step(_ size: Double) -> Double {
    let base = pow(10, log10(size).rounded(.down))
    return [1, 2, 5, 10].map { $0 * base }.first { $0 >= size * 0.9999 } ?? 10 * base
  }

  /// Returns the position of a value from 0 to 1; nil if the scale cannot show it.
  func position(_ value: Double) -> Double? {
    guard Self.canShow(value, scale) else { return nil }
    if scale == .logarithmic { return (log10(value) - low) / (high - low) }
    return high > low ? (value - low) / (high - low) : 0
  }

  func label(_ value: Double) -> String {
    switch scale {
    case .shares: "\((100 * value).fixed(decimals: 0)) %"
    case .linear, .fitted: value.magnitude < 1e-12 ? "0" : value.brief
    case .logarithmic: "10^\(log10(value).rounded().fixed(decimals: 0))"
    }
  }
}

/// The kind of an axis.
package enum AxisScale: Sendable {
  /// Shares from 0 to 1, labelled as percentages.
  case shares
  /// From 0, or from the lowest value if that is below 0.
  case linear
  /// Like linear, but from the lowest value.
  case fitted
  case logarithmic
}

extension Double {
  /// The number with up to four digits, without zeros at its end; `not finite` for NaN and infinities.
  package var brief: String {
    guard isFinite else { return "not finite" }
    guard magnitude < 1e6, magnitude >= 1e-3 || self == 0 else { return short }
    var text = fixed(decimals: magnitude >= 100 ? 0 : magnitude >= 1 ? 2 : 4)
    guard text.contains(".") else { return text }
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }

  /// The share as a percentage with the digits of ``brief``; `not finite` for NaN and infinities.
  package var briefPercentage: String {
    let percentage = 100 * self
    return percentage.isFinite ? "\(percentage.brief) %" : percentage.brief
  }
}
