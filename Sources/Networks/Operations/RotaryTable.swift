import Glibc

/// The table that ``Rotary`` reads: cosines, then sines, of position · frequency.
///
/// Input z `[D/2]`, the logarithms of the frequencies; output `[positions, D]`. Angles are computed in float64.
package struct RotaryTable: Operation {
  package static let name = "rotary_table"

  /// The positions, which need not be whole numbers.
  package let positions: [Double]

  package init(_ positions: [Double]) { self.positions = positions }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    let shape = try Self.shapeOfInput(inputs, weights)
    guard shape.count == 1 else { throw ShapeFault(Self.name, "expected z [n]", inputs) }
    return [positions.count, 2 * shape[0]]
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let frequencies = pass.inputs[0].numbers.map { exp(Double($0)) }
    let half = frequencies.count
    var table = pass.output.mutableSpan
    for (row, position) in positions.enumerated() {
      for (index, frequency) in frequencies.enumerated() {
        let place = row * 2 * half + index
        table[place] = S(cos(position * frequency))
        table[place + half] = S(sin(position * frequency))
      }
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let frequencies = pass.inputs[0].numbers.map { exp(Double($0)) }
    let half = frequencies.count
    let gradient = pass.gradient.span
    var sum = target.mutableSpan
    for (index, frequency) in frequencies.enumerated() {
      var slope = 0.0
      for (row, position) in positions.enumerated() {
        let place = row * 2 * half + index
        let angle = position * frequency
        slope +=
          position
          * (cos(angle) * Double(gradient[place + half]) - sin(angle) * Double(gradient[place]))
      }
      sum[index] += S(frequency * slope)
    }
  }

  package static let examples = [
    OperationExample(RotaryTable([0, 1, 2.5]), [[4]]),
    OperationExample(RotaryTable([3]), [[1]]),
    OperationExample(RotaryTable([0, 0.5, 2, 7, 11]), [[19]]),
  ]
}
