/// The logarithm of the probability of a target in each row: y = x[target] − log Σ exp(x).
///
/// Input logits `[rows, vocabulary]`; output `[rows]`, in nats; 0 for rows whose target is −100.
package struct LogProbability: Operation {
  package static let name = "log_probability"

  /// A target for each row, or ``ignored``.
  package let targets: [Int32]
  /// The target of rows that do not count.
  package static let ignored: Int32 = -100

  package init(_ targets: [Int32]) { self.targets = targets }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].count == 2, inputs[0][0] == targets.count
    else {
      throw ShapeFault(Self.name, "expected x [\(targets.count), vocabulary]", inputs, weights)
    }
    if let wrong = targets.first(where: {
      $0 != Self.ignored && !(0..<inputs[0][1]).contains(Int($0))
    }) {
      throw ShapeFault(Self.name, "target \(wrong) is outside the vocabulary", inputs, weights)
    }
    return [targets.count]
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let columns = pass.inputs[0].columns
    try pass.compute.forEachRows(targets.count, columns: columns) { rows in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      for row in rows {
        let range = row * columns..<(row + 1) * columns
        y[row] =
          targets[row] == Self.ignored
          ? 0 : x[range.lowerBound + Int(targets[row])] - x.logSumExp(range)
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let sum = pass.inputGradients[0] else { return }
    let columns = pass.inputs[0].columns
    try pass.compute.forEachRows(targets.count, columns: columns) { rows in
      let (x, gradient) = (pass.input(0), pass.gradient.span)
      var dx = sum.mutableSpan
      for row in rows where targets[row] != Self.ignored {
        let range = row * columns..<(row + 1) * columns
        let logSum = x.logSumExp(range)
        let factor = gradient[row]
        dx.add(range) { S.exp(x.lanes($0, end: range.upperBound) - logSum) * -factor }
        dx[range.lowerBound + Int(targets[row])] += factor
      }
    }
  }

  package static let examples = [
    OperationExample(LogProbability([1, 7, 0]), [[3, 8]]),
    OperationExample(LogProbability([0]), [[1, 1]]),
    OperationExample(LogProbability([36, -100, 5, 5]), [[4, 37]]),
  ]
}

extension Span where Element: NetworkScalar {
  /// Returns log Σ exp(x) of a range.
  @inline(__always)
  func logSumExp(_ range: Range<Int>) -> Element {
    let largest = largest(range)
    var total = SIMD16<Element>(repeating: 0)
    var index = range.lowerBound
    while index < range.upperBound {
      total += Element.exp(lanes(index, end: range.upperBound, padding: -.infinity) - largest)
      index += Lanes.count
    }
    return largest + Element.log(total.pairwiseSum)
  }
}
