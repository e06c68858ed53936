/// The differential equation of CLEX in float64, with its solution at a time and the derivatives of that.
///
/// The derivatives are those of the discrete steps, not of the equation: the gradient goes back through each step of the
/// 3/8 rule. Source: Chen et al., "CLEX", ICLR 2024, section 3; the official code differentiates its solver in this way.
package struct CLEXEquation: Sendable {
  private let solver: CLEXSolver<Double>

  /// - Parameters:
  ///   - start: The logarithms of the frequencies at time 1, shape `[D/2]`.
  ///   - up: The first projection, shape `[D/2, width]`.
  ///   - down: The second projection, shape `[width, D/2]`.
  package init(start: [Double], up: [Double], down: [Double], _ parameters: CLEXParameters) {
    precondition(up.count == down.count && up.count % max(1, start.count) == 0)
    solver = CLEXSolver(
      start: start, up: DoubleMatrix(values: up, rows: start.count),
      down: DoubleMatrix(values: down, rows: up.count / max(1, start.count)), isTrained: true,
      parameters)
  }

  /// Returns the logarithms of the frequencies at a whole time, shape `[D/2]`.
  /// - Complexity: O(steps · D · width).
  package func solution(at time: Int) -> [Double] {
    solver.solution(until: time).last ?? solver.start
  }

  /// The derivatives of a loss by the start and the projections.
  package struct Gradient: Sendable {
    package var start: [Double]
    package var up: [Double]
    package var down: [Double]
  }

  /// Returns the derivatives of a loss.
  /// - Parameter upstream: The derivative of the loss by ``solution(at:)``.
  /// - Complexity: O(steps · D · width) time, O(steps · D) space.
  package func gradient(of upstream: [Double], at time: Int) -> Gradient {
    let times = solver.grid(until: time)
    var states = [solver.start]
    for (t0, t1) in zip(times, times.dropFirst()) where states.count < times.count {
      let state = states[states.count - 1]
      states.append(solver.stepped(from: t0, to: t1, state, solver.derivative(at: t0, state)).0)
    }
    var gradient = Gradient(
      start: upstream, up: Array(repeating: 0, count: solver.up.values.count),
      down: Array(repeating: 0, count: solver.down.values.count))
    for point in stride(from: times.count - 2, through: 0, by: -1) {
      solver.reverseStep(from: times[point], to: times[point + 1], states[point], &gradient)
    }
    return gradient
  }
}

extension CLEXSolver where Number == Double {
  /// An evaluation of the derivative, with the values that its own derivative needs.
  private struct Stage {
    var input: [Double]
    /// The values before and after the activation.
    var sums: [Double]
    var hidden: [Double]
    var slope: [Double]
  }

  private func stage(at time: Double, _ state: [Double]) -> Stage {
    let input = input(at: time, state)
    let sums = Double.product(input, up)
    var hidden = sums
    Double.activate(&hidden, parameters.activation)
    return Stage(
      input: input, sums: sums, hidden: hidden, slope: derivative(at: time, state))
  }

  /// Replaces `gradient.start`, the derivative by the state after a step of the 3/8 rule, by that before it, and adds to
  /// the derivatives by the projections.
  fileprivate func reverseStep(
    from t0: Double, to t1: Double, _ y: [Double], _ gradient: inout CLEXEquation.Gradient
  ) {
    let h = t1 - t0
    func state(_ terms: (factor: Double, slope: [Double])...) -> [Double] {
      y.indices.map { index in terms.reduce(y[index]) { $0 + h * $1.factor * $1.slope[index] } }
    }
    let first = stage(at: t0, y)
    let second = stage(at: t0 + h / 3, state((1.0 / 3, first.slope)))
    let third = stage(
      at: t0 + h * (2.0 / 3), state((-1.0 / 3, first.slope), (1, second.slope)))
    let fourth = stage(
      at: t1, state((1, first.slope), (-1, second.slope), (1, third.slope)))
    let after = gradient.start
    // The derivatives by the four slopes.
    var slopes = [1.0, 3, 3, 1].map { weight in after.map { h * weight / 8 * $0 } }
    let uses: [(stage: Stage, factors: [Double])] = [
      (first, []), (second, [1.0 / 3]), (third, [-1.0 / 3, 1]), (fourth, [1, -1, 1]),
    ]
    for (index, use) in uses.enumerated().reversed() {
      let byState = reverse(use.stage, slopes[index], &gradient)
      for place in byState.indices {
        gradient.start[place] += byState[place]
        for (earlier, factor) in use.factors.enumerated() {
          slopes[earlier][place] += h * factor * byState[place]
        }
      }
    }
  }

  /// Adds to the derivatives by the projections, and returns the derivative by the state.
  /// - Parameter slope: The derivative of the loss by dz/dt.
  private func reverse(
    _ stage: Stage, _ slope: [Double], _ gradient: inout CLEXEquation.Gradient
  ) -> [Double] {
    let (half, width) = (slope.count, stage.hidden.count)
    var sums = [Double](repeating: 0, count: width)
    for row in 0..<width {
      var sum = 0.0
      for column in 0..<half {
        sum += slope[column] * down.values[row * half + column]
        gradient.down[row * half + column] += stage.hidden[row] * slope[column]
      }
      sums[row] = sum * derivative(of: parameters.activation, stage.sums[row], stage.hidden[row])
    }
    return (0..<half).map { row in
      var sum = 0.0
      for column in 0..<width {
        sum += sums[column] * up.values[row * width + column]
        gradient.up[row * width + column] += stage.input[row] * sums[column]
      }
      return sum
    }
  }

  /// Returns the derivative of the activation at x, where its value is y.
  private func derivative(
    of activation: CLEXParameters.Activation, _ x: Double, _ y: Double
  ) -> Double {
    switch activation {
    case .tanh: return 1 - y * y
    case .silu:
      // y = x σ(x), and σ is 1/2 at 0.
      let share = x == 0 ? 0.5 : y / x
      return share * (1 + x * (1 - share))
    }
  }
}
