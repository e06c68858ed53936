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
    let two = Number(2.0 / 3)
    let indices = y.indices
    let k2 = derivative(at: t0 + h * third, indices.map { y[$0] + h * k1[$0] * third })
    let k3 = derivative(
      at: t0 + h * two, indices.map { y[$0] + h * (k2[$0] - k1[$0] * third) })
    let k4 = derivative(at: t1, indices.map { y[$0] + h * (k1[$0] - k2[$0] + k3[$0]) })
    let eighth = Number(0.125)
    let next = indices.map { place -> Number in
      let inner = k2[place] + k3[place]
      return y[place] + (k1[place] + 3 * inner + k4[place]) * h * eighth
    }
    return (next, derivative(at: t1, next))
  }

  private func derivative(at time: Number, _ state: [Number]) -> [Number] {
    let alpha: Number = time < 1 ? 1 : 2 * time - 1
    let log = Number.log(alpha)
    var result = timeExponents.map { -$0 / alpha }
    guard layer.isTrained else { return result }
    let inputs = state.indices.map { state[$0] + (timeLogs[$0] - timeExponents[$0] * log) }
    var hidden = Number.product(inputs, up)
    Number.activate(&hidden, parameters.activation)
    let moved = Number.product(hidden, down)
    for place in result.indices { result[place] += moved[place] }
    return result
  }
}
