import Base
import TensorCore

/// The product U · V of low rank that is near the residual of a head [tokens, dim].
///
/// Source: the power iteration of GEAR (Kang et al., 2024); the nearest product by the eigenvectors of the
/// residual's Gram matrix (Eckart and Young, 1936).
enum HeadProduct {
  /// Bytes of scratch memory for a residual.
  static func scratchByteCount(tokens: Int, dim: Int, rank: Int) -> Int {
    4 * rank * (tokens + dim)
  }

  /// - Parameters:
  ///   - start: V before the first round, [rank, dim].
  /// - Returns: U [tokens, rank] with orthonormal columns, and V [rank, dim].
  @_lifetime(scratch: copy scratch)
  static func byIteration(
    _ residual: borrowing RawSpan, tokens: Int, dim: Int, rank: Int, rounds: Int,
    start: [Float], scratch: inout MutableRawSpan
  ) -> (u: [Float], v: [Float]) {
    var u: [Float] = []
    let size = max(1, (1 << 13) / max(1, dim))
    let blocks = stride(from: 0, to: tokens, by: size).map { $0..<min(tokens, $0 + size) }
    let v = scratch.split(at: 4 * rank * dim) { v, rest in
      var rows = rest._mutatingExtracting(0..<4 * rank * tokens)
      v.copy(start.rawSpan)
      for round in 1...max(1, rounds) {
        Kernels.best.orthonormalize(&v, count: rank)
        let last = round == max(1, rounds)
        var sums = ByteBuffer(byteCount: 4 * rank * dim)
        var next = sums.mutableBytes
        next.fill()
        // Both products of a block of rows while it is near, but for the last.
        for block in blocks {
          let bytes = 4 * block.lowerBound * dim..<4 * block.upperBound * dim
          var target = rows._mutatingExtracting(
            4 * block.lowerBound * rank..<4 * block.upperBound * rank)
          Kernels.best.projectRows(
            of: residual.extracting(bytes), on: v.bytes, rows: block.count, columns: dim,
            rank: rank, into: &target)
          guard !last else { continue }
          Kernels.best.accumulateColumns(
            of: residual.extracting(bytes), by: target.bytes, rows: block.count, columns: dim,
            rank: rank, into: &next)
        }
        if last {
          var columns = transposed(rows.bytes.floats(), rows: tokens, columns: rank)
          orthonormalize(&columns, count: rank)
          u = transposed(columns, rows: rank, columns: tokens)
          Kernels.best.accumulateColumns(
            of: residual, by: u.rawSpan, rows: tokens, columns: dim, rank: rank, into: &next)
        }
        v.copy(next.bytes)
      }
      return v.bytes.floats()
    }
    return (u, v)
  }

  /// The nearest product.
  @_lifetime(scratch: copy scratch)
  static func nearest(
    _ residual: borrowing RawSpan, tokens: Int, dim: Int, rank: Int,
    scratch: inout MutableRawSpan
  ) -> (u: [Float], v: [Float]) {
    var gram = [Double](repeating: 0, count: dim * dim)
    let rows = residual.floats()
    for token in 0..<tokens {
      for row in 0..<dim {
        let value = Double(rows[token * dim + row])
        guard value != 0 else { continue }
        for column in row..<dim {
          gram[row * dim + column] += value * Double(rows[token * dim + column])
        }
      }
    }
    for row in 0..<dim {
      for column in 0..<row { gram[row * dim + column] = gram[column * dim + row] }
    }
    let vectors = SymmetricEigenvectors(gram, size: dim).largest(rank)
    return byIteration(
      residual, tokens: tokens, dim: dim, rank: rank, rounds: 1,
      start: vectors.map { Float($0) }, scratch: &scratch)
  }

  private static func orthonormalize(_ vectors: inout [Float], count: Int) {
    var buffer = ByteBuffer(byteCount: 4 * vectors.count)
    var span = buffer.mutableBytes
    span.copy(vectors.rawSpan)
    Kernels.best.orthonormalize(&span, count: count)
    vectors = span.bytes.floats()
  }

  private static func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
    var result = values
    for row in 0..<rows {
      for column in 0..<columns { result[column * rows + row] = values[row * columns + column] }
    }
    return result
  }
}

/// Eigenvectors of a symmetric matrix by the cyclic method of Jacobi, in float64 and in a fixed order.
struct SymmetricEigenvectors {
  private let size: Int
  private let values: [Double]
  /// [size, size], a vector a row.
  private let vectors: [Double]

  /// - Complexity: O(*n*³) a sweep, about eight sweeps.
  init(_ matrix: [Double], size: Int) {
    var a = matrix
    var v = [Double](repeating: 0, count: size * size)
    for place in 0..<size { v[place * size + place] = 1 }
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

  /// Vectors of the largest values, one behind the other.
  func largest(_ count: Int) -> [Double] {
    let order = (0..<size).sorted { (values[$0], $1) > (values[$1], $0) }
    return order.prefix(count).flatMap { vectors[$0 * size..<($0 + 1) * size] }
  }
}
