import Glibc

/// A loss that falls with the size of a model as a power: L = E + A · N^(−α).
///
/// Source: Kaplan et al., "Scaling laws for neural language models", equation 1.1, with a constant E as in Hoffmann et
/// al., "Training compute-optimal large language models".
package struct PowerLaw: Sendable, Equatable {
  /// The loss of an infinite model, in nats; 0 for a law without it.
  package let floor: Double
  package let factor: Double
  package let exponent: Double
  /// The sum of the squared errors of the losses; of their logarithms without a floor.
  package let squaredError: Double

  package func loss(ofSize size: Double) -> Double { floor + factor * pow(size, -exponent) }

  /// Returns the size whose loss is `loss`: ((L − E) / A)^(−1 / α); nil if no size has it.
  package func size(ofLoss loss: Double) -> Double? {
    guard loss > floor, factor > 0, exponent > 0 else { return nil }
    let size = pow((loss - floor) / factor, -1 / exponent)
    return size > 0 && size.isFinite ? size : nil
  }

  /// Fits a law without a floor by a line through the logarithms.
  /// - Parameters:
  ///   - sizes: At least two different ones, all above 0.
  ///   - losses: All above 0.
  package static func withoutFloor(sizes: [Double], losses: [Double]) -> PowerLaw {
    let x = sizes.map { log($0) }
    let y = losses.map { log($0) }
    let line = Line(x, y)
    return PowerLaw(
      floor: 0, factor: exp(line.intercept), exponent: -line.slope,
      squaredError: line.squaredError)
  }

  /// Fits a law by least squares of the losses. For each exponent, the best floor and factor follow from a line; the
  /// exponent is searched.
  /// - Parameters:
  ///   - sizes: At least three different ones, all above 0.
  /// - Complexity: O(*n*).
  package static func fitted(sizes: [Double], losses: [Double]) -> PowerLaw {
    let logs = sizes.map { log($0) }
    let center = logs.reduce(0, +) / Double(logs.count)
    func line(_ exponent: Double) -> Line {
      let line = Line(logs.map { exp(-exponent * ($0 - center)) }, losses)
      // A loss has no negative floor.
      guard line.intercept < 0 else { return line }
      return Line.throughOrigin(logs.map { exp(-exponent * ($0 - center)) }, losses)
    }
    let exponent = Minimum.of(from: log(1e-3), to: log(4)) { line(exp($0)).squaredError }
    let best = line(exp(exponent))
    return PowerLaw(
      floor: best.intercept, factor: best.slope * exp(exp(exponent) * center),
      exponent: exp(exponent), squaredError: best.squaredError)
  }
}

/// A line y = intercept + slope · x with the least squared error.
struct Line {
  let slope: Double
  let intercept: Double
  let squaredError: Double

  init(_ x: [Double], _ y: [Double]) {
    let count = Double(x.count)
    let (xMean, yMean) = (x.reduce(0, +) / count, y.reduce(0, +) / count)
    var (xx, xy) = (0.0, 0.0)
    for (a, b) in zip(x, y) {
      xx += (a - xMean) * (a - xMean)
      xy += (a - xMean) * (b - yMean)
    }
    let slope = xx > 0 ? xy / xx : 0
    self.init(slope: slope, intercept: yMean - slope * xMean, x, y)
  }

  private init(slope: Double, intercept: Double, _ x: [Double], _ y: [Double]) {
    self.slope = slope
    self.intercept = intercept
    squaredError = zip(x, y).reduce(0) {
      let error = $1.1 - intercept - slope * $1.0
      return $0 + error * error
    }
  }

  /// Returns the best line through the origin.
  static func throughOrigin(_ x: [Double], _ y: [Double]) -> Line {
    let xx = x.reduce(0) { $0 + $1 * $1 }
    let xy = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
    return Line(slope: xx > 0 ? xy / xx : 0, intercept: 0, x, y)
  }
}

/// The search for the minimum of a function of one number.
enum Minimum {
  /// Returns the place of the smallest value: the best point of a grid, refined by golden sections.
  static func of(
    from lower: Double, to upper: Double, _ function: (Double) -> Double
  ) -> Double {
    let count = 400
    let step = (upper - lower) / Double(count)
    let grid = (0...count).map { lower + Double($0) * step }
    let values = grid.map(function)
    let best = values.indices.min { values[$0] < values[$1] } ?? 0
    var (a, b) = (grid[max(0, best - 1)], grid[min(count, best + 1)])
    let ratio = (5.0.squareRoot() - 1) / 2
    var (c, d) = (b - ratio * (b - a), a + ratio * (b - a))
    var (left, right) = (function(c), function(d))
    for _ in 0..<100 {
      if left < right {
        (b, d, right) = (d, c, left)
        c = b - ratio * (b - a)
        left = function(c)
      } else {
        (a, c, left) = (c, d, right)
        d = a + ratio * (b - a)
        right = function(d)
      }
    }
    return (a + b) / 2
  }
}
