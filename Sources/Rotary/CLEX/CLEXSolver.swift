import Base
import TensorCore

/// Solves the dynamics of CLEX in steps, as the official code does with torchdiffeq's fixed grid: the
/// 3/8 rule, a grid from 1 in even steps whose last point is the end, straight lines between its points.
///
/// State: z = log of the frequencies. dz/dt = act((z + log T) · U) · W − (2i/(D−2)) / α with
/// α = 2t − 1 and T the NTK-aware frequencies of base 10000, whatever the model's base is.
/// - Complexity: O(steps · D · width).
struct CLEXSolver<Number: SolverNumber> {
  private let layer: CLEXLayer
  private let parameters: CLEXParameters
  private let start: [Number]
  private let up: Number.Matrix
  private let down: Number.Matrix
  /// log T at α = 1, and the exponent of α in T, for each frequency.
  private let timeLogs: [Number]
  private let timeExponents: [Number]

  /// The base that the trained checkpoints were made with.
  private static var timeBase: Double { 10_000 }

  init(_ layer: CLEXLayer, _ parameters: CLEXParameters) {
    self.layer = layer
    self.parameters = parameters
    let half = layer.inverse.count
    start = layer.inverse.map { Number.log(Number($0)) }
    up = Number.matrix(layer.up, rows: half)
    down = Number.matrix(layer.down, rows: layer.width)
    let dim = Double(2 * half)
    timeLogs = (0..<half).map { Number(-Double(2 * $0) / dim * Real.log(Self.timeBase)) }
    timeExponents = (0..<half).map { Number(Double(2 * $0) / (dim - 2)) }
  }

  /// The logarithms of the frequencies at 1, 2, …, `end`.
  func solution(until end: Int) -> [[Number]] {
    let first: Number = 1
    let last = Number(end)
    let step = Number(parameters.step)
    let count = Int(((last - first) / step + 1).rounded(.up))
    func time(_ place: Int) -> Number {
      place == count - 1 ? last : Number(place) * step + first
    }
    var results = [start]
    var state = start
    var slope = derivative(at: first, state)
    for place in 0..<max(0, count - 1) {
      let (t0, t1) = (time(place), time(place + 1))
      let (next, nextSlope) = stepped(from: t0, to: t1, state, slope)
      while results.count < end, Number(results.count + 1) <= t1 {
        let wanted = Number(results.count + 1)
        results.append(Self.between(t0, t1, state, next, wanted))
      }
      (state, slope) = (next, nextSlope)
    }
    return results
  }

  private static func between(
    _ t0: Number, _ t1: Number, _ y0: [Number], _ y1: [Number], _ time: Number
  ) -> [Number] {
    if time == t0 { return y0 }
    if time == t1 { return y1 }
    let share = (time - t0) / (t1 - t0)
    return zip(y0, y1).map { $0 + share * ($1 - $0) }
  }

  /// One step of the 3/8 rule, and the derivative at its end.
  private func stepped(
    from t0: Number, to t1: Number, _ y: [Number], _ k1: [Number]
  ) -> ([Number], [Number]) {
    let h = t1 - t0
    let third = Number(1.0 / 3)
    var state = y
    for place in y.indices { state[place] = y[place] + h * k1[place] * third }
    let k2 = derivative(at: t0 + h * third, state)
    for place in y.indices { state[place] = y[place] + h * (k2[place] - k1[place] * third) }
    let k3 = derivative(at: t0 + h * Number(2.0 / 3), state)
    for place in y.indices {
      state[place] = y[place] + h * (k1[place] - k2[place] + k3[place])
    }
    let k4 = derivative(at: t1, state)
    for place in y.indices {
      let inner = k2[place] + k3[place]
      state[place] = y[place] + (k1[place] + 3 * inner + k4[place]) * h * 0.125
    }
    return (state, derivative(at: t1, state))
  }

  private func derivative(at time: Number, _ state: [Number]) -> [Number] {
    let alpha: Number = time < 1 ? 1 : 2 * time - 1
    var result = timeExponents
    guard layer.isTrained else {
      for place in result.indices { result[place] = -2 * timeExponents[place] / alpha }
      return result
    }
    let log = Number.log(alpha)
    for place in result.indices {
      result[place] = state[place] + (timeLogs[place] - timeExponents[place] * log)
    }
    var hidden = Number.product(result, up)
    Number.activate(&hidden, parameters.activation)
    var moved = Number.product(hidden, down)
    for place in moved.indices { moved[place] += -2 * timeExponents[place] / alpha }
    return moved
  }
}
