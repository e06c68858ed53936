package import Base

/// A reason for which a matrix cannot be decomposed.
package struct DecompositionError: UserError, Equatable {
  package enum Problem: Equatable, Sendable {
    /// The first value that is NaN or infinite.
    case notFinite(row: Int, column: Int, value: Double)
    /// The iteration did not converge. `info` is the number that LAPACK returned.
    case noConvergence(function: String, info: Int)
    /// The work memory has more values than LAPACK can count.
    case tooLarge(rows: Int, columns: Int)
  }

  package var problem: Problem
  /// The matrix, if the caller has a name for it.
  package var tensor: String?

  package init(_ problem: Problem, tensor: String? = nil) {
    self.problem = problem
    self.tensor = tensor
  }

  package var status: ExitStatus { .badInput }
  package var facts: ErrorFacts { ErrorFacts(code: status.name, tensor: tensor) }

  package var message: Message {
    let place = tensor.map { "tensor '\($0.printable)': " } ?? ""
    return switch problem {
    case .notFinite(let row, let column, let value):
      """
      \(place)the value in row \(row), column \(column) is \(value), but a decomposition needs \
      finite values
      """
    case .noConvergence(let function, let info):
      """
      \(place)the decomposition did not converge (\(function) of LAPACK returned \(info)), though \
      all values are finite
      """
    case .tooLarge(let rows, let columns):
      "\(place)a matrix of \(rows) x \(columns) is too large for LAPACK with 32-bit integers"
    }
  }

  package var hint: Message? {
    switch problem {
    case .notFinite: nil
    case .noConvergence:
      "try \(setting: "kernels", "portable"), and report the matrix if that fails as well"
    case .tooLarge: "decompose a part of the matrix"
    }
  }
}
