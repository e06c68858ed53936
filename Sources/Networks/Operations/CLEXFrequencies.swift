package import Rotary

/// The solution of the differential equation of CLEX: the logarithms of rotary frequencies at a time.
///
/// Input z(1) `[D/2]`; weights: the projections `[D/2, width]` and `[width, D/2]`; output z(t) `[D/2]`. The solver computes
/// in float64, on the calling thread.
/// Source: Chen et al., "CLEX: Continuous length extrapolation for large language models", ICLR 2024.
/// - Complexity: O(steps · D · width).
package struct CLEXFrequencies: Operation {
  package static let name = "clex_frequencies"

  package let parameters: CLEXParameters
  /// The time t, 1 or more.
  package let time: Int

  package init(_ parameters: CLEXParameters, time: Int) {
    precondition(time >= 1)
    self.parameters = parameters
    self.time = time
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.count == 2, inputs[0].count == 1, inputs[0][0] > 1,
      weights[0].count == 2, weights[0][0] == inputs[0][0],
      weights[1] == [weights[0][1], inputs[0][0]]
    else {
      throw ShapeFault(
        Self.name, "expected z [n], projections [n, width] and [width, n]", inputs, weights)
    }
    return inputs[0]
  }

  private func equation<S: NetworkScalar>(
    _ input: Value<S>, _ weights: [any Parameter<S>], _ compute: Compute
  ) throws -> CLEXEquation {
    let projections = try weights.map { try compute.whole($0).numbers.map { Double($0) } }
    return CLEXEquation(
      start: input.numbers.map { Double($0) }, up: projections[0], down: projections[1], parameters)
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let equation = try equation(pass.inputs[0], pass.weights, pass.compute)
    var output = pass.output.mutableSpan
    for (index, number) in equation.solution(at: time).enumerated() { output[index] = S(number) }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let equation = try equation(pass.inputs[0], pass.weights, pass.compute)
    let gradient = equation.gradient(of: pass.gradient.numbers.map { Double($0) }, at: time)
    for (numbers, target) in [
      (gradient.start, pass.inputGradients[0]), (gradient.up, pass.weightGradients[0]),
      (gradient.down, pass.weightGradients[1]),
    ] {
      guard let target else { continue }
      var sum = target.mutableSpan
      for (index, number) in numbers.enumerated() { sum[index] += S(number) }
    }
  }

  package static let examples = [
    OperationExample(
      CLEXFrequencies(
        CLEXParameters(maximumFactor: 4, activation: .tanh, step: 0.25), time: 3), [[4]],
      weights: [[4, 8], [8, 4]]),
    OperationExample(
      CLEXFrequencies(
        CLEXParameters(maximumFactor: 2, activation: .silu, step: 1), time: 2), [[2]],
      weights: [[2, 1], [1, 2]]),
    OperationExample(
      CLEXFrequencies(
        CLEXParameters(maximumFactor: 4, activation: .silu, step: 0.3), time: 2), [[5]],
      weights: [[5, 17], [17, 5]]),
  ]
}
