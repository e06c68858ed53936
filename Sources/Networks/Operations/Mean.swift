/// The mean of all numbers, times a factor: y = f / n · Σ x.
///
/// Any input; output a single number. Numbers are added in rows of 16 partial sums, in pieces of 4,096.
package struct Mean: Operation {
  package static let name = "mean"

  /// The factor of the mean, such as −1 for a loss.
  package let factor: Double
  /// The number to divide by; nil for the number of elements.
  package let divisor: Int?

  package init(factor: Double = 1, divisor: Int? = nil) {
    self.factor = factor
    self.divisor = divisor
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, !inputs[0].contains(0), divisor ?? 1 > 0 else {
      throw ShapeFault(Self.name, "expected one input that is not empty", inputs, weights)
    }
    return []
  }

  private func scale<S: NetworkScalar>(_ count: Int) -> S {
    S(factor) / S(divisor ?? count)
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let x = pass.input(0)
    var total: S = 0
    for start in stride(from: 0, to: x.count, by: Compute.batchRowCount) {
      total += x.sum(start..<min(x.count, start + Compute.batchRowCount))
    }
    var y = pass.output.mutableSpan
    y[0] = total * scale(x.count)
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let slope = pass.gradient.span[0] * scale(target.count)
    var sum = target.mutableSpan
    sum.add(0..<target.count) { _ in SIMD16(repeating: slope) }
  }

  package static let examples = [
    OperationExample(Mean(), [[3, 8]]),
    OperationExample(Mean(factor: -1), [[1]]),
    OperationExample(Mean(factor: 2, divisor: 5), [[7, 37]]),
  ]
}
