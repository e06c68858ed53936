import Base
import LinearAlgebra
import TensorCore
import TestSupport
import Testing

@Suite struct LinearAlgebraTests {
  private static func values(_ count: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
  }

  /// Returns u · v in float64, where u has the shape [rows, rank].
  private static func product(
    _ u: [Float], _ v: [Float], rows: Int, columns: Int, rank: Int
  ) -> [Float] {
    (0..<rows * columns).map { index in
      let (row, column) = (index / columns, index % columns)
      return Float(
        (0..<rank).reduce(0.0) {
          $0 + Double(u[row * rank + $1]) * Double(v[$1 * columns + column])
        })
    }
  }

  /// Returns the largest deviation of the inner products of vectors from those of orthonormal vectors.
  private static func orthonormality(_ vectors: [Float], count: Int) -> Double {
    let length = vectors.count / count
    var largest = 0.0
    for a in 0..<count {
      for b in 0..<count {
        let product = (0..<length).reduce(0.0) {
          $0 + Double(vectors[a * length + $1]) * Double(vectors[b * length + $1])
        }
        largest = max(largest, abs(product - (a == b ? 1 : 0)))
      }
    }
    return largest
  }

  // MARK: Vectors

  @Test("consecutive matrices are transposed separately", arguments: [(1, 1), (2, 3), (5, 4)])
  func transposed(rows: Int, columns: Int) {
    let values = Self.values(3 * rows * columns, seed: 1)
    let found = Vectors.transposed(values, rows: rows, columns: columns)
    for matrix in 0..<3 {
      let start = matrix * rows * columns
      for row in 0..<rows {
        for column in 0..<columns {
          #expect(found[start + column * rows + row] == values[start + row * columns + column])
        }
      }
    }
    #expect(Vectors.transposed(found, rows: columns, columns: rows) == values)
    #expect(Vectors.transposed([], rows: 0, columns: columns).isEmpty)
  }

  @Test("the bytes of a value stay together in a transpose", arguments: [1, 2, 4, 8])
  func widths(width: Int) {
    let bytes = (0..<6 * width).map { UInt8($0) }
    let found = Vectors.transposed(bytes, width: width, rows: 2, columns: 3)
    let order = [0, 3, 1, 4, 2, 5]
    #expect(found == order.flatMap { Array(bytes[width * $0..<width * ($0 + 1)]) })
  }

  @Test(
    "groups of vectors of any magnitude become orthonormal", arguments: [1, 1e-30, 1e30] as [Float])
  func orthonormal(size: Float) {
    var values = Self.values(2 * 4 * 30, seed: 2).map { $0 * size }
    Vectors.orthonormalize(&values, count: 4, length: 30, scalesFirst: true)
    for group in 0..<2 {
      let vectors = Array(values[group * 120..<(group + 1) * 120])
      #expect(Self.orthonormality(vectors, count: 4) < 1e-6)
    }
  }

  @Test("only values far from 1 are divided by a power of two")
  func nearOne() {
    func divided(_ values: [Float], _ range: Range<Int>) -> (values: [Float], exponent: Int) {
      var values = values
      let exponent = Vectors.bringNearOne(&values, range)
      return (values, exponent)
    }
    let near = divided([0.5, -1024], 0..<2)
    #expect(near.exponent == 0 && near.values == [0.5, -1024])
    let far = divided([0x1.8p40, -0x1p20, 7], 0..<2)
    #expect(far.exponent == 40 && far.values == [1.5, -0x1p-20, 7])
    #expect(divided([0, 0, .infinity], 0..<2).exponent == 0)
    #expect(divided([0, 0, .infinity], 0..<3).exponent == 0)
    var buffer = ByteBuffer(byteCount: 8)
    var memory = buffer.mutableBytes
    memory.copy(([0x1p-50, 0x1.8p-49] as [Float]).rawSpan)
    let exponent = Vectors.bringNearOne(&memory)
    #expect(exponent == -49 && buffer.bytes.floats() == [0.5, 1.5])
  }

  // MARK: Power iteration

  @Test("a step computes both products", arguments: [1, 7, 64])
  func refine(rows: Int) {
    let (columns, rank) = (24, 3)
    let (values, v) = (
      Self.values(rows * columns, seed: 3), Self.values(rank * columns, seed: 4)
    )
    var uBuffer = ByteBuffer(byteCount: 4 * rows * rank)
    var sumBuffer = ByteBuffer(byteCount: 4 * rank * columns)
    var u = uBuffer.mutableBytes
    var sums = sumBuffer.mutableBytes
    sums.fill()
    let exponent = PowerIteration.refine(
      values.rawSpan, on: v.rawSpan, rows: rows, columns: columns, rank: rank, u: &u, into: &sums)
    let right = Vectors.transposed(v, rows: rank, columns: columns)
    let wanted = Self.product(values, right, rows: rows, columns: rank, rank: columns)
    let found = u.bytes.floats()
    #expect(exponent == 0 && relativeError(found, wanted) < 1e-5)
    let left = Vectors.transposed(found, rows: rows, columns: rank)
    let next = Self.product(left, values, rows: rank, columns: columns, rank: rows)
    #expect(relativeError(sums.bytes.floats(), next) < 1e-5)
  }

  @Test("rows far from 1 are scaled near 1, and the exponent is returned")
  func scaledStep() {
    let values = Self.values(8 * 16, seed: 5)
    let v = Self.values(2 * 16, seed: 6)
    func step(_ factor: Float, scalesRows: Bool) -> (u: [Float], sums: [Float], exponent: Int) {
      var uBuffer = ByteBuffer(byteCount: 64)
      var sumBuffer = ByteBuffer(byteCount: 128)
      var u = uBuffer.mutableBytes
      var sums = sumBuffer.mutableBytes
      sums.fill()
      let scaled = values.map { $0 * factor }
      let exponent = PowerIteration.refine(
        scaled.rawSpan, on: v.rawSpan, rows: 8, columns: 16, rank: 2, u: &u, into: &sums,
        scalesRows: scalesRows)
      return (u.bytes.floats(), sums.bytes.floats(), exponent)
    }
    let plain = step(1, scalesRows: true)
    let large = step(0x1p60, scalesRows: true)
    #expect(plain.exponent == 0 && large.exponent >= 60)
    let scale = Float(sign: .plus, exponent: 60 - large.exponent, significand: 1)
    #expect(large.u == plain.u.map { $0 * scale })
    #expect(large.sums == plain.sums.map { $0 * scale * 0x1p60 })
  }

  // MARK: Products

  @Test("a low-rank matrix is reproduced exactly", arguments: [1, 2, 5])
  func exact(rank: Int) {
    let (rows, columns) = (700, 32)
    let matrix = Self.product(
      Self.values(rows * rank, seed: 7), Self.values(rank * columns, seed: 8), rows: rows,
      columns: columns, rank: rank)
    var buffer = ByteBuffer(
      byteCount: LowRankProduct.scratchByteCount(rows: rows, columns: columns, rank: rank))
    var scratch = buffer.mutableBytes
    let start = Self.values(rank * columns, seed: 9)
    for product in [
      LowRankProduct(
        iterating: 3, matrix.rawSpan, rows: rows, columns: columns, rank: rank, start: start,
        scratch: &scratch),
      LowRankProduct(
        nearestTo: matrix.rawSpan, rows: rows, columns: columns, rank: rank, scratch: &scratch),
    ] {
      let columnsOfU = Vectors.transposed(product.u, rows: rows, columns: rank)
      #expect(Self.orthonormality(columnsOfU, count: rank) < 1e-5)
      let found = Self.product(product.u, product.v, rows: rows, columns: columns, rank: rank)
      #expect(relativeError(found, matrix) < 1e-5)
    }
  }

  @Test("no iterated product is closer than the nearest product")
  func nearest() {
    let (rows, columns, rank) = (300, 24, 4)
    let matrix = Self.values(rows * columns, seed: 10)
    var buffer = ByteBuffer(
      byteCount: LowRankProduct.scratchByteCount(rows: rows, columns: columns, rank: rank))
    var scratch = buffer.mutableBytes
    func error(_ product: LowRankProduct) -> Double {
      relativeError(
        Self.product(product.u, product.v, rows: rows, columns: columns, rank: rank), matrix)
    }
    let nearest = error(
      LowRankProduct(
        nearestTo: matrix.rawSpan, rows: rows, columns: columns, rank: rank, scratch: &scratch))
    let errors = [1, 2, 5, 60].map { rounds in
      error(
        LowRankProduct(
          iterating: rounds, matrix.rawSpan, rows: rows, columns: columns, rank: rank,
          start: Self.values(rank * columns, seed: 11), scratch: &scratch))
    }
    #expect(errors.allSatisfy { $0 >= nearest - 1e-6 })
    #expect(errors[3] <= nearest + 1e-4)
  }

  @Test("eigenvectors are correct and sorted by descending eigenvalue")
  func eigenvectors() {
    // The block [[2, 1], [1, 2]] has the eigenvalues 1 and 3; the third eigenvalue is 5.
    let vectors = SymmetricEigenvectors([2, 1, 0, 1, 2, 0, 0, 0, 5], size: 3).largest(2)
    let expected = [0, 0, 1, 0.5.squareRoot(), 0.5.squareRoot(), 0]
    for (found, wanted) in zip(vectors, expected) {
      #expect(abs(abs(found) - wanted) < 1e-12)
    }
  }
}
