/// The eigenvectors of a symmetric matrix, computed by the cyclic Jacobi method in float64 and in a fixed
/// order.
package struct SymmetricEigenvectors: Sendable {
  private let size: Int
  private let values: [Double]
  /// The eigenvectors, shape [size, size], one per row.
  private let vectors: [Double]

  /// Computes the eigenvectors of `matrix`, shape [size, size].
  /// - Complexity: O(*n*³) per sweep, with about eight sweeps.
  package init(_ matrix: [Double], size: Int) {
    var a = matrix
    var v = [Double](repeating: 0, count: size * size)
    for index in 0..<size { v[index * size + index] = 1 }
    let norm = a.reduce(0) { $0 + $1 * $1 }
    for _ in 0..<30 {
      var off = 0.0
      for row in 0..<size {
        for column in row + 1..<max(row + 1, size) {
          off += a[row * size + column] * a[row * size + column]
        }
      }
      guard off > norm * 1e-30 else { break }
      for p in 0..<size {
        for q in p + 1..<max(p + 1, size) {
          let apq = a[p * size + q]
          guard apq != 0 else { continue }
          let theta = (a[q * size + q] - a[p * size + p]) / (2 * apq)
          let t =
            (theta < 0 ? -1.0 : 1) / (theta.magnitude + (theta * theta + 1).squareRoot())
          let c = 1 / (t * t + 1).squareRoot()
          let s = t * c
          for k in 0..<size {
            let (x, y) = (a[p * size + k], a[q * size + k])
            a[p * size + k] = c * x - s * y
            a[q * size + k] = s * x + c * y
          }
          for k in 0..<size {
            let (x, y) = (a[k * size + p], a[k * size + q])
            a[k * size + p] = c * x - s * y
            a[k * size + q] = s * x + c * y
          }
          for k in 0..<size {
            let (x, y) = (v[p * size + k], v[q * size + k])
            v[p * size + k] = c * x - s * y
            v[q * size + k] = s * x + c * y
          }
        }
      }
    }
    self.size = size
    values = (0..<size).map { a[$0 * size + $0] }
    vectors = v
  }

  /// Returns the eigenvectors of the `count` largest eigenvalues, one after another.
  package func largest(_ count: Int) -> [Double] {
    let order = (0..<size).sorted { (values[$0], $1) > (values[$1], $0) }
    return order.prefix(count).flatMap { vectors[$0 * size..<($0 + 1) * size] }
  }
}
