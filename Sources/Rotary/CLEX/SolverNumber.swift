import Base
import Glibc
import TensorCore

/// What the solver computes in.
protocol SolverNumber: BinaryFloatingPoint, Sendable {
  /// A matrix in the form that products want.
  associatedtype Matrix: Sendable
  static func matrix(_ values: [Float], rows: Int) -> Matrix
  /// A row times a matrix; sums go over its rows in order.
  static func product(_ row: [Self], _ matrix: Matrix) -> [Self]
  static func activate(_ values: inout [Self], _ activation: CLEXParameters.Activation)
  static func log(_ value: Self) -> Self
}

/// Rows and columns of values, row by row.
struct FloatMatrix: Sendable {
  var values: [Float]
  var rows: Int
  var columns: Int { rows == 0 ? 0 : values.count / rows }
}

struct DoubleMatrix: Sendable {
  var values: [Double]
  var rows: Int
  var columns: Int { rows == 0 ? 0 : values.count / rows }
}

extension Float: SolverNumber {
  static func matrix(_ values: [Float], rows: Int) -> FloatMatrix {
    FloatMatrix(values: values, rows: rows)
  }

  static func product(_ row: [Float], _ matrix: FloatMatrix) -> [Float] {
    Kernels.best.product(row, matrix.values, columns: matrix.columns)
  }

  static func activate(_ values: inout [Float], _ activation: CLEXParameters.Activation) {
    switch activation {
    case .tanh:
      // Right to 1e-7, in a third of the time of tanhf.
      for place in values.indices {
        let value = values[place]
        let decay = expf(-2 * value.magnitude)
        values[place] = Float(signOf: value, magnitudeOf: (1 - decay) / (1 + decay))
      }
    case .silu:
      for place in values.indices { values[place] /= 1 + expf(-values[place]) }
    }
  }

  static func log(_ value: Float) -> Float { logf(value) }
}

extension Double: SolverNumber {
  static func matrix(_ values: [Float], rows: Int) -> DoubleMatrix {
    DoubleMatrix(values: values.map(Double.init), rows: rows)
  }

  static func product(_ row: [Double], _ matrix: DoubleMatrix) -> [Double] {
    let columns = matrix.columns
    var result = [Double](repeating: 0, count: columns)
    for (place, value) in row.enumerated() {
      let start = place * columns
      for column in 0..<columns { result[column] += value * matrix.values[start + column] }
    }
    return result
  }

  static func activate(_ values: inout [Double], _ activation: CLEXParameters.Activation) {
    switch activation {
    case .tanh:
      for place in values.indices { values[place] = Glibc.tanh(values[place]) }
    case .silu:
      for place in values.indices { values[place] /= 1 + Glibc.exp(-values[place]) }
    }
  }

  static func log(_ value: Double) -> Double { Glibc.log(value) }
}

/// The exponential function of one number.
enum Exponential {
  static func exp(_ value: Double) -> Double { Glibc.exp(value) }
}
