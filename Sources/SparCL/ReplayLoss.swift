import Glibc

/// The losses of continual learning with a buffer of earlier examples, with their derivatives by the logits.
///
/// Source: Buzzega et al., "Dark experience for general continual learning", equations (5) and (6).
package enum ReplayLoss {
  /// Losses of rows and the derivatives of their sum.
  package struct Result: Sendable {
    package var losses: [Double]
    package var gradient: [Double]

    package init(losses: [Double], gradient: [Double]) {
      (self.losses, self.gradient) = (losses, gradient)
    }
  }

  /// Returns −log p of the target of each row, where p is the softmax over `classes`.
  /// - Parameters:
  ///   - logits: Shape `[targets, columns]`, row by row.
  ///   - classes: The columns that take part; all for nil. Others get a derivative of 0.
  package static func crossEntropy(
    _ logits: [Double], columns: Int, targets: [Int32], classes: [Int]? = nil
  ) -> Result {
    let classes = classes ?? Array(0..<columns)
    var result = Result(losses: [], gradient: [Double](repeating: 0, count: logits.count))
    for (row, target) in targets.enumerated() {
      let start = row * columns
      let largest = classes.map { logits[start + $0] }.max() ?? 0
      let total = classes.reduce(0) { $0 + exp(logits[start + $1] - largest) }
      let place = start + Int(target)
      result.losses.append(largest + log(total) - logits[place])
      for column in classes {
        result.gradient[start + column] = exp(logits[start + column] - largest) / total
      }
      result.gradient[place] -= 1
    }
    return result
  }

  /// Returns the mean of the squared differences of each row.
  package static func squaredError(
    _ logits: [Double], columns: Int, stored: [Double]
  ) -> Result {
    precondition(logits.count == stored.count)
    var result = Result(losses: [], gradient: [])
    for start in stride(from: 0, to: logits.count, by: max(1, columns)) {
      let differences = (start..<start + columns).map { logits[$0] - stored[$0] }
      result.losses.append(differences.reduce(0) { $0 + $1 * $1 } / Double(columns))
      result.gradient += differences.map { 2 * $0 / Double(columns) }
    }
    return result
  }
}
