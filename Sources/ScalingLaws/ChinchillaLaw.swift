package import BLAS
import Glibc

/// A loss that falls with the size N of a model and the number D of its tokens: L = E + A · N^(−α) + B · D^(−β).
///
/// Source: Hoffmann et al., "Training compute-optimal large language models", equations 2 and 3.
package struct ChinchillaLaw: Sendable, Equatable {
  package let floor: Double
  package let sizeFactor: Double
  package let sizeExponent: Double
  package let tokenFactor: Double
  package let tokenExponent: Double
  /// The sum of the Huber losses of the errors of log L, with the width 10⁻³.
  package let objective: Double

  package func loss(ofSize size: Double, tokens: Double) -> Double {
    floor + sizeFactor * pow(size, -sizeExponent) + tokenFactor * pow(tokens, -tokenExponent)
  }

  /// Returns the size of the models that have `loss` after `tokens` tokens: ((L − E − B · D^(−β)) / A)^(−1 / α); nil if no
  /// size has it.
  package func size(ofLoss loss: Double, tokens: Double) -> Double? {
    let rest = loss - floor - tokenFactor * pow(tokens, -tokenExponent)
    guard rest > 0, sizeFactor > 0, sizeExponent > 0 else { return nil }
    let size = pow(rest / sizeFactor, -1 / sizeExponent)
    return size > 0 && size.isFinite ? size : nil
  }

  /// A point of a family: the size of a model, the number of its tokens, and its loss.
  package struct Point: Sendable, Equatable {
    package var size: Double
    package var tokens: Double
    package var loss: Double

    package init(size: Double, tokens: Double, loss: Double) {
      (self.size, self.tokens, self.loss) = (size, tokens, loss)
    }
  }

  /// Fits a law to at least five points, whose numbers are all above 0.
  ///
  /// The Huber loss of the errors of log L is minimized by the method of Levenberg and Marquardt with weights, from
  /// several starts: for a grid of exponents, the other parameters follow from linear least squares.
  /// - Throws: ``DecompositionError`` if a step has no solution.
  package static func fitted(_ points: [Point], by blas: BLAS) throws -> ChinchillaLaw {
    let problem = Problem(points, blas)
    let starts = try problem.starts()
    let found = try starts.map { try problem.minimized(from: $0) }
    let best = found.min { $0.objective < $1.objective }!
    let p = best.parameters
    return ChinchillaLaw(
      floor: exp(p[2]), sizeFactor: exp(p[0] + p[3] * problem.sizeCenter),
      sizeExponent: p[3], tokenFactor: exp(p[1] + p[4] * problem.tokenCenter),
      tokenExponent: p[4], objective: best.objective)
  }

  /// The parameters are log A, log B, log E, α and β, for sizes and tokens relative to their geometric means.
  private struct Problem {
    let x: [Double]
    let y: [Double]
    let logs: [Double]
    let sizeCenter: Double
    let tokenCenter: Double
    let blas: BLAS

    static let width = 1e-3
    static let stepCount = 500

    init(_ points: [Point], _ blas: BLAS) {
      let count = Double(points.count)
      let (size, token) = (points.map { log($0.size) }, points.map { log($0.tokens) })
      let (sizeCenter, tokenCenter) = (size.reduce(0, +) / count, token.reduce(0, +) / count)
      (self.sizeCenter, self.tokenCenter) = (sizeCenter, tokenCenter)
      x = size.map { $0 - sizeCenter }
      y = token.map { $0 - tokenCenter }
      logs = points.map { log($0.loss) }
      self.blas = blas
    }

    /// Returns the parameters of the grid with the smallest squared errors, with terms of at least a small positive part
    /// of the loss.
    func starts() throws -> [[Double]] {
      let grid = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.4]
      let losses = logs.map { exp($0) }
      let least = (losses.min() ?? 1) * 1e-3
      var found: [(error: Double, parameters: [Double])] = []
      for alpha in grid {
        for beta in grid {
          let matrix = x.indices.flatMap { index -> [Double] in
            [exp(-alpha * x[index]), exp(-beta * y[index]), 1]
          }
          let solution = try LeastSquares.of(
            matrix, rows: x.count, columns: 3, rightSides: losses, sides: 1, by: blas
          ).solution
          let parameters = solution.map { log(max(least, $0)) } + [alpha, beta]
          found.append((objective(parameters), parameters))
        }
      }
      return found.sorted { $0.error < $1.error }.prefix(6).map(\.parameters)
    }

    /// Returns the terms of the law at a point.
    private func terms(_ p: [Double], _ index: Int) -> (Double, Double, Double) {
      (exp(p[0] - p[3] * x[index]), exp(p[1] - p[4] * y[index]), exp(p[2]))
    }

    private func errors(_ p: [Double]) -> [Double] {
      logs.indices.map { index in
        let (a, b, e) = terms(p, index)
        return log(a + b + e) - logs[index]
      }
    }

    func objective(_ p: [Double]) -> Double {
      errors(p).reduce(0) { sum, error in
        let size = error.magnitude
        return sum
          + (size <= Self.width ? error * error / 2 : Self.width * (size - Self.width / 2))
      }
    }

    /// Returns the step of the damped and weighted linear problem.
    private func step(_ p: [Double], _ errors: [Double], damping: Double) throws -> [Double] {
      var matrix: [Double] = []
      var sides: [Double] = []
      var squares = [Double](repeating: 0, count: 5)
      for index in logs.indices {
        let weight = min(1, Self.width / max(errors[index].magnitude, 1e-300)).squareRoot()
        let (a, b, e) = terms(p, index)
        let sum = a + b + e
        let row = [a / sum, b / sum, e / sum, -a / sum * x[index], -b / sum * y[index]].map {
          $0 * weight
        }
        for (column, value) in row.enumerated() { squares[column] += value * value }
        matrix += row
        sides.append(-errors[index] * weight)
      }
      for column in 0..<5 {
        var row = [Double](repeating: 0, count: 5)
        row[column] = (damping * max(squares[column], 1e-30)).squareRoot()
        matrix += row
        sides.append(0)
      }
      return try LeastSquares.of(
        matrix, rows: sides.count, columns: 5, rightSides: sides, sides: 1, by: blas
      ).solution
    }

    func minimized(
      from start: [Double]
    ) throws -> (objective: Double, parameters: [Double]) {
      var parameters = start
      var best = objective(start)
      var damping = 1e-3
      for _ in 0..<Self.stepCount {
        let step = try step(parameters, errors(parameters), damping: damping)
        let next = zip(parameters, step).map { $0 + $1 }
        let value = objective(next)
        if value < best {
          let gain = best - value
          (parameters, best) = (next, value)
          damping = max(1e-12, damping / 3)
          if gain <= 1e-14 * best { break }
        } else {
          damping *= 4
          if damping > 1e12 { break }
        }
      }
      return (best, parameters)
    }
  }
}
