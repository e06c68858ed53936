import Base
import TensorCore

/// A solver for the differential equation of CLEX, with the fixed-grid method of the official code (torchdiffeq).
///
/// The method is the 3/8 rule on a grid that starts at 1, has even steps and ends exactly at the last time.
/// Values between two grid points are interpolated linearly.
///
/// The state is z = log of the frequencies, with dz/dt = act((z + log T) · U) · W − (2i/(D−2)) / α,
/// where α = 2t − 1 and T are the NTK-aware frequencies of base 10000, whatever the base of the model is.
/// - Complexity: O(steps · D · width).
struct CLEXSolver<Number: SolverNumber> {
  private let isTrained: Bool
  let parameters: CLEXParameters
  let start: [Number]
  let up: Number.Matrix
  let down: Number.Matrix
  /// log T at α = 1, and the exponent of α in T, for each frequency.
  private let timeLogs: [Number]
  private let timeExponents: [Number]

  /// The base of T that the trained checkpoints use.
  private static var timeBase: Double { 10_000 }

  init(_ layer: CLEXLayer, _ parameters: CLEXParameters) {
    self.init(
      start: layer.inverse.map { Number.log(Number($0)) },
      up: Number.matrix(layer.up, rows: layer.inverse.count),
      down: Number.matrix(layer.down, rows: layer.width), isTrained: layer.isTrained, parameters)
  }

  /// - Parameters:
  ///   - start: The logarithms of the frequencies at time 1.
  ///   - isTrained: False for an equation without the projections.
  init(
    start: [Number], up: Number.Matrix, down: Number.Matrix, isTrained: Bool,
    _ parameters: CLEXParameters
  ) {
    self.start = start
    self.up = up
    self.down = down
    self.isTrained = isTrained
    self.parameters = parameters
    let half = start.count
    let dim = Double(2 * half)
    timeLogs = (0..<half).map { Number(-Double(2 * $0) / dim * Real.log(Self.timeBase)) }
    timeExponents = (0..<half).map { Number(Double(2 * $0) / (dim - 2)) }
  }

  /// Returns the logarithms of the frequencies at the times 1, 2, …, `end`.
  func solution(until end: Int) -> [[Number]] {
    let times = grid(until: end)
    var results = [start]
    var state = start
    var slope = derivative(at: 1, state)
    for (t0, t1) in zip(times, times.dropFirst()) {
      let (next, nextSlope) = stepped(from: t0, to: t1, state, slope)
      while results.count < end, Number(results.count + 1) <= t1 {
        let wanted = Number(results.count + 1)
        results.append(Self.interpolated(t0, t1, state, next, at: wanted))
      }
      (state, slope) = (next, nextSlope)
    }
    return results
  }

  /// Returns the times between the steps: 1, then even steps, and `end` in place of the last one.
  func grid(until end: Int) -> [Number] {
    let step = Number(parameters.step)
    let count = Int(((Number(end) - 1) / step + 1).rounded(.up))  // fits: checked parameters
    return (0..<count).map { $0 == count - 1 ? Number(end) : Number($0) * step + 1 }
  }

  /// Returns the state at `time`, on the line from `y0` at `t0` to `y1` at `t1`.
  private static func interpolated(
    _ t0: Number, _ t1: Number, _ y0: [Number], _ y1: [Number], at time: Number
  ) -> [Number] {
    if time == t0 { return y0 }
    if time == t1 { return y1 }
    let share = (time - t0) / (t1 - t0)
    return zip(y0, y1).map { $0 + share * ($1 - $0) }
  }

  /// Makes one step of the 3/8 rule.
  /// - Parameters:
  ///   - y: the state at `t0`.
  ///   - k1: the derivative at `t0`.
  /// - Returns: the state at `t1` and the derivative there.
  func stepped(
    from t0: Number, to t1: Number, _ y: [Number], _ k1: [Number]
  ) -> ([Number], [Number]) {
    let h = t1 - t0
    let third = Number(1.0 / 3)
    var state = y
    for index in y.indices { state[index] = y[index] + h * k1[index] * third }
    let k2 = derivative(at: t0 + h * third, state)
    for index in y.indices { state[index] = y[index] + h * (k2[index] - k1[index] * third) }
    let k3 = derivative(at: t0 + h * Number(2.0 / 3), state)
    for index in y.indices {
      state[index] = y[index] + h * (k1[index] - k2[index] + k3[index])
    }
    let k4 = derivative(at: t1, state)
    for index in y.indices {
      let inner = k2[index] + k3[index]
      state[index] = y[index] + (k1[index] + 3 * inner + k4[index]) * h * 0.125
    }
    return (state, derivative(at: t1, state))
  }

  /// Returns dz/dt at a time and state.
  func derivative(at time: Number, _ state: [Number]) -> [Number] {
    let alpha: Number = time < 1 ? 1 : 2 * time - 1
    var result = timeExponents
    guard isTrained else {
      for index in result.indices { result[index] = -2 * timeExponents[index] / alpha }
      return result
    }
    var hidden = Number.product(input(at: time, state), up)
    Number.activate(&hidden, parameters.activation)
    var moved = Number.product(hidden, down)
    for index in moved.indices { moved[index] += -2 * timeExponents[index] / alpha }
    return moved
  }

  /// Returns the input of the projections, z + log T.
  func input(at time: Number, _ state: [Number]) -> [Number] {
    let log = Number.log(time < 1 ? 1 : 2 * time - 1)
    return state.indices.map { state[$0] + (timeLogs[$0] - timeExponents[$0] * log) }
  }
}
