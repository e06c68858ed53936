import Base
import Surveys
import TensorCore
import TestSupport
import Testing

@Suite struct MomentsTests {
  static func moments(_ values: [Float]) throws -> Moments {
    let bytes = values.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }
    var scratch = MutableRawSpan()
    return try Moments(
      of: bytes.rawSpan, dtype: .f32, elementCount: values.count, scratch: &scratch)
  }

  @Test("NaN, infinities and both zeros are counted; other moments use finite values only")
  func counts() throws {
    let found = try Self.moments([0, -0.0, 1, -3, .nan, .infinity, -.infinity, .infinity])
    #expect(found.count == 8)
    #expect(found.zeros == 2)
    #expect(found.negativeZeros == 1)
    #expect(found.nans == 1)
    #expect(found.positiveInfinities == 2)
    #expect(found.negativeInfinities == 1)
    #expect(found.finiteCount == 4)
    #expect(found.minimum == -3)
    #expect(found.maximum == 1)
    #expect(found.largestMagnitude == 3)
    #expect(found.mean == -0.5)
    #expect(found.magnitudeSum == 4)
    #expect(found.euclideanNorm == 10.0.squareRoot())
    #expect(found.zeroShare == 0.25)
  }

  @Test("the mean is undefined without finite values")
  func empty() throws {
    #expect(try Self.moments([]).mean == nil)
    #expect(try Self.moments([]).zeroShare == nil)
    #expect(try Self.moments([.nan]).mean == nil)
    #expect(try Self.moments([.nan]).minimum == nil)
  }

  @Test("sums equal those in Double to the last digits", arguments: 0..<20)
  func sums(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let values = (0..<5000 + seed).map { _ in Float.random(in: -2...1, using: &random) }
    let found = try Self.moments(values)
    let sum = values.reduce(0.0) { $0 + Double($1) }
    let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(abs(found.sum - sum) <= 1e-9)
    #expect(abs(found.squareSum - squares) <= 1e-9)
    #expect(found.minimum == values.min().map(Double.init))
    #expect(found.maximum == values.max().map(Double.init))
  }

  @Test(
    "a large mean does not reduce the precision of the deviation, in one or several chunks",
    arguments: [1, 7])
  func cancellation(parts: Int) throws {
    let values = (0..<7000).map { Float(1 << 24) + Float($0 % 3 * 2) }
    var found = Moments()
    for part in 0..<parts {
      let range = part * 7000 / parts..<(part + 1) * 7000 / parts
      found.merge(try Self.moments(Array(values[range])))
    }
    let mean = values.reduce(0.0) { $0 + Double($1) } / 7000
    let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 7000
    let deviation = try #require(found.standardDeviation)
    #expect(abs(deviation - variance.squareRoot()) < 1e-12)
  }

  @Test("all CPU levels return the same bits", arguments: Kernels.levels.indices)
  func levels(level: Int) throws {
    for count in [0, 1, 15, 16, 17, 1000] {
      var random = SeededGenerator(seed: UInt64(count))
      let bytes = (0..<8 * count).map { _ in UInt8.random(in: 0...255, using: &random) }
      for dtype in [Kernels.SummedDType.f32, .f64] {
        let kernels = Kernels.levels[level]
        let (first, this) = (
          Kernels.levels[0].sums(bytes.rawSpan, of: dtype),
          kernels.sums(bytes.rawSpan, of: dtype)
        )
        #expect(first.sum.bitPattern == this.sum.bitPattern)
        #expect(first.squareSum.bitPattern == this.squareSum.bitPattern)
        #expect(first.nans == this.nans && first.zeros == this.zeros)
        let (a, b) = (
          Kernels.levels[0].centralSquares(bytes.rawSpan, of: dtype, around: 0.5),
          kernels.centralSquares(bytes.rawSpan, of: dtype, around: 0.5)
        )
        #expect(a.bitPattern == b.bitPattern)
      }
    }
  }

  @Test("wide integers are converted to float64, narrow floats to float32")
  func dtypes() throws {
    let number = UInt64(1) << 40 | 1
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    var buffer = ByteBuffer(byteCount: 64)
    var scratch = buffer.mutableBytes
    let wide = try Moments(of: bytes.rawSpan, dtype: .u64, elementCount: 1, scratch: &scratch)
    #expect(wide.maximum == 0x1p40 + 1)
    let half: [UInt8] = [0x00, 0x3C, 0x00, 0xC0]
    let narrow = try Moments(of: half.rawSpan, dtype: .f16, elementCount: 2, scratch: &scratch)
    #expect(narrow.sum == -1)
  }
}
