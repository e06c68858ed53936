import TestSupport

/// Matrices for tests.
enum Matrix {
  /// Returns values in -1 ... 1.
  static func random<S: BinaryFloatingPoint>(_ count: Int, seed: UInt64, as _: S.Type = S.self)
    -> [S] where S.RawSignificand: FixedWidthInteger
  {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in S.random(in: -1...1, using: &generator) }
  }

  /// Returns A · B for row-major A, shape [rows, depth], and B, shape [depth, columns].
  static func product(_ a: [Double], _ b: [Double], rows: Int, columns: Int, depth: Int)
    -> [Double]
  {
    var c = [Double](repeating: 0, count: rows * columns)
    for row in 0..<rows {
      for k in 0..<depth {
        let factor = a[row * depth + k]
        for column in 0..<columns { c[row * columns + column] += factor * b[k * columns + column] }
      }
    }
    return c
  }

  static func transposed<S>(_ a: [S], rows: Int, columns: Int) -> [S] {
    (0..<rows * columns).map { a[$0 % rows * columns + $0 / rows] }
  }

  static func identity(_ size: Int) -> [Double] {
    (0..<size * size).map { $0 / size == $0 % size ? 1 : 0 }
  }

  /// Returns a random matrix of shape [rows, columns], rows >= columns, with orthonormal columns.
  static func orthonormal(rows: Int, columns: Int, seed: UInt64) -> [Double] {
    var vectors = (0..<columns).map { random(rows, seed: seed &+ UInt64($0), as: Double.self) }
    for index in 0..<columns {
      // Twice is enough.
      for _ in 0..<2 {
        for other in 0..<index {
          let dot = zip(vectors[index], vectors[other]).reduce(0) { $0 + $1.0 * $1.1 }
          for k in 0..<rows { vectors[index][k] -= dot * vectors[other][k] }
        }
        let norm = vectors[index].reduce(0) { $0 + $1 * $1 }.squareRoot()
        for k in 0..<rows { vectors[index][k] /= norm }
      }
    }
    return (0..<rows * columns).map { vectors[$0 % columns][$0 / columns] }
  }

  /// Returns the largest difference of two matrices.
  static func distance(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).map { ($0 - $1).magnitude }.reduce(0) { $1 <= $0 ? $0 : $1 }
  }
}
