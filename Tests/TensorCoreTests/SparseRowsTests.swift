import Base
import TensorCore
import TestSupport
import Testing

/// The kernels of sparse layers on every CPU level.
@Suite struct SparseRowsTests {
  private static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).flatMap { _ in
      let bits = Float.random(in: -1...1, using: &generator).bitPattern
      return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }
  }

  private let matrix = SparseRows(
    starts: [0, 3, 3, 8, 14], offsets: [0, 7, 130, 1, 2, 3, 64, 65, 9, 8, 7, 6, 5, 200])

  /// Returns the product and the sums of dots on a level.
  private func results(_ kernels: Kernels) -> (product: [UInt8], sums: [UInt8]) {
    let (weights, vectors) = (Self.bytes(14, seed: 1), Self.bytes(400, seed: 2))
    var product = ByteBuffer(byteCount: 4 * 4 * 128)
    var sums = ByteBuffer(byteCount: 4 * 14)
    var target = product.mutableBytes
    kernels.multiply(
      matrix, rows: 0..<4, weights: weights.rawSpan, vectors: vectors.rawSpan,
      elements: 0..<128, into: &target, pitch: 128, isDouble: false)
    let rows = Self.bytes(4 * 128, seed: 3)
    var totals = sums.mutableBytes
    for index in 0..<14 { totals.storeLittleEndian(UInt32(0), at: 4 * index) }
    kernels.addDots(
      matrix, rows: 0..<4, rowVectors: rows.rawSpan, start: 0, pitch: 128,
      others: vectors.rawSpan, elements: 0..<112, to: &totals, isDouble: false)
    return (product.bytes.array(), sums.bytes.array())
  }

  @Test("all levels have the same bits") func levels() {
    let expected = results(Kernels.levels[0])
    #expect(Kernels.levels.allSatisfy { results($0) == expected })
  }

  @Test("products and dots are those of single numbers") func values() {
    let (weights, vectors) = (Self.bytes(14, seed: 1).floats, Self.bytes(400, seed: 2).floats)
    let rows = Self.bytes(4 * 128, seed: 3).floats
    let found = results(.best)
    let (product, sums) = (found.product.floats, found.sums.floats)
    for row in 0..<4 {
      let entries = Int(matrix.starts[row])..<Int(matrix.starts[row + 1])
      let expected = (0..<128).map { place in
        entries.reduce(Float(0)) { $0 + weights[$1] * vectors[Int(matrix.offsets[$1]) + place] }
      }
      #expect(Array(product[row * 128..<row * 128 + 128]) == expected)
      for entry in entries {
        let dot = (0..<112).reduce(0.0) {
          $0 + Double(rows[row * 128 + $1])
            * Double(vectors[Int(matrix.offsets[entry]) + $1])
        }
        #expect(abs(Double(sums[entry]) - dot) <= 1e-5)
      }
    }
  }
}
