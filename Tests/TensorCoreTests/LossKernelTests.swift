import Base
import TensorCore
import TestSupport
import Testing

/// The kernel that measures what a conversion lost: its results, and identical bits on every CPU level.
@Suite struct LossKernelTests {
  static let levels = Array(Kernels.levels.indices)
  static let lengths = [0, 1, 15, 16, 17, 1023, 1024, 1025, 4100]

  /// Returns the loss of converting values.
  private static func loss(
    _ level: Int, _ source: [UInt8], _ from: DType, _ to: DType, count: Int
  ) throws -> (loss: ValueLoss, values: [Double]) {
    let kernels = Kernels.levels[level]
    var narrow = ByteBuffer(byteCount: to.byteCount(of: count)!)
    var target = narrow.mutableBytes
    try kernels.convert(
      source.rawSpan, from: from, to: to, elementCount: count, saturating: false, into: &target)
    var loss = ValueLoss()
    kernels.addLoss(
      of: source.rawSpan, from, in: narrow.bytes, to, elementCount: count, to: &loss)
    return (loss, try doubles(narrow.bytes.array(), to, count: count))
  }

  private static func doubles(_ bytes: [UInt8], _ dtype: DType, count: Int) throws -> [Double] {
    var wide = ByteBuffer(byteCount: 8 * count)
    var target = wide.mutableBytes
    try Kernels.levels[0].convert(
      bytes.rawSpan, from: dtype, to: .f64, elementCount: count, saturating: false, into: &target)
    return wide.bytes.array().doubles
  }

  @Test(
    "counts, the largest difference and sums are those of plain Swift", arguments: levels, lengths)
  func plain(level: Int, count: Int) throws {
    for (from, to) in [
      (DType.f32, DType.bf16), (.f32, .f16), (.bf16, .f16), (.f16, .bf16), (.f64, .f32),
      (.f64, .f16), (.f32, .f64), (.f8E5M2, .bf16),
    ] {
      let source = KernelTests.values(from, count: count, seed: UInt64(count))
      let before = try Self.doubles(source, from, count: count)
      let (loss, after) = try Self.loss(level, source, from, to, count: count)
      var expected = ValueLoss()
      for (x, y) in zip(before, after) {
        if x.isFinite, y.isInfinite { expected.infinities += 1 }
        if x != 0, y == 0 { expected.zeros += 1 }
        guard x.isFinite, y.isFinite else { continue }
        expected.squares += (x - y) * (x - y)
        expected.normSquares += x * x
        expected.largest = max(expected.largest, (x - y).magnitude)
      }
      let what = "\(from) to \(to)"
      #expect(loss.infinities == expected.infinities, "\(what)")
      #expect(loss.zeros == expected.zeros, "\(what)")
      #expect(Self.isClose(loss.largest, expected.largest), "\(what)")
      #expect(Self.isClose(loss.squares, expected.squares), "\(what)")
      #expect(Self.isClose(loss.normSquares, expected.normSquares), "\(what)")
      #expect(try Self.loss(0, source, from, to, count: count).loss == loss, "\(what)")
    }
  }

  @Test("values of the size of weights have sums as exact as those of float64", arguments: levels)
  func weights(level: Int) throws {
    var random = SeededGenerator(seed: 3)
    let values = (0..<5000).map { _ in Float.random(in: -0.1...0.1, using: &random) }
    let (loss, after) = try Self.loss(
      level, values.littleEndianBytes, .f32, .bf16, count: values.count)
    let squares = zip(values, after).reduce(0.0) {
      $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1)
    }
    let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect((loss.squares / squares - 1).magnitude < 1e-5)
    #expect((loss.normSquares / norm - 1).magnitude < 1e-5)
    #expect(loss.relative > 0.001 && loss.relative < 0.004)
    #expect(loss.infinities == 0 && loss.zeros == 0)
  }

  private static func isClose(_ a: Double, _ b: Double) -> Bool {
    a == b || (a - b).magnitude <= 1e-4 * max(a.magnitude, b.magnitude)
  }
}
