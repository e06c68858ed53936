import Base
import Differences
import TensorCore
import TestSupport
import Testing

private func sums(_ a: [Float], _ b: [Float], _ kernels: Kernels = .best) -> ValueDifference {
  var sums = ValueDifference()
  let (before, after) = (a.littleEndianBytes, b.littleEndianBytes)
  kernels.addDifference(
    of: before.rawSpan, .f32, and: after.rawSpan, .f32, elementCount: a.count, to: &sums)
  return sums
}

private func wideSums(_ a: [Double], _ b: [Double]) -> ValueDifference {
  func bytes(_ values: [Double]) -> [UInt8] {
    values.flatMap { value in
      (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }
  }
  var sums = ValueDifference()
  let (before, after) = (bytes(a), bytes(b))
  Kernels.best.addDifference(
    of: before.rawSpan, .f64, and: after.rawSpan, .f64, elementCount: a.count, to: &sums)
  return sums
}

@Suite struct MeasuresTests {
  @Test("small vectors have the measures of their definitions")
  func definitions() {
    let measures = Measures(sums([3, 4, 0, 1], [3, 0, 0, 2]), valueCount: 4)
    #expect(measures.changedCount == 2)
    #expect(measures.largestError == 4)
    #expect(measures.errorNorm == 17.0.squareRoot())
    #expect(measures.rootMeanSquare == 17.0.squareRoot() / 2)
    #expect(measures.relativeError == 17.0.squareRoot() / 26.0.squareRoot())
    #expect(abs(measures.cosine! - 11 / (26.0 * 13.0).squareRoot()) < 1e-15)
    #expect(abs(measures.cosineDistance! - (1 - measures.cosine!)) < 1e-15)
    #expect((measures.zerosA, measures.zerosB) == (1, 2))
    #expect(abs(measures.normChange! - ((13.0 / 26.0).squareRoot() - 1)) < 1e-15)
  }

  @Test("NaN equals NaN, +0 equals -0, and sums exclude what is not finite")
  func nonfinite() {
    let measures = Measures(
      sums([.nan, .infinity, 0, 1, 2], [.nan, -.infinity, -0.0, .nan, 2]), valueCount: 5)
    #expect(measures.changedCount == 2)
    #expect(measures.finiteCount == 2)
    #expect((measures.nansA, measures.nansB) == (1, 2))
    #expect((measures.infinitiesA, measures.infinitiesB) == (1, 1))
    #expect((measures.errorNorm, measures.normA, measures.normB) == (0, 2, 2))
    #expect(measures.hasNonfiniteChange)
    #expect(DifferenceMetric.max.value(measures) == .infinity)
  }

  @Test("a tensor of zeros has no relative error, unless both are zero")
  func zeros() {
    let measures = Measures(sums([0, 0], [0, 1]), valueCount: 2)
    #expect(measures.relativeError == nil)
    #expect(measures.cosine == nil)
    #expect(DifferenceMetric.percent.value(measures) == .infinity)
    #expect(Measures(sums([0, 0], [0, 0]), valueCount: 2).relativeError == 0)
  }

  @Test(
    "F64 values whose squares overflow or underflow are not equal by any metric",
    arguments: DifferenceMetric.allCases,
    [
      ([1e300, 1e300], [-1e300, -1e300]), ([1e200, 1], [1e200, 2]), ([1e-200, 0], [2e-200, 0]),
      ([1e-163, 3e-162], [2e-163, 6e-162]),
    ] as [([Double], [Double])])
  func extremes(metric: DifferenceMetric, values: ([Double], [Double])) {
    let measures = Measures(wideSums(values.0, values.1), valueCount: 2)
    #expect(measures.changedCount > 0)
    #expect(metric.value(measures) > 0)
    #expect(measures.relativeError != 0 && measures.cosine != 1)
  }

  @Test("a difference whose square underflows keeps its size in relation to other values")
  func smallDifference() throws {
    let measures = Measures(wideSums([1, 1e-170], [1, 2e-170]), valueCount: 2)
    let error = try #require(measures.relativeError)
    #expect(error > 0.9e-170 && error < 1.1e-170)
    let total = try #require(measures.adding(measures).relativeError)
    #expect(total > 0.9e-170 && total < 1.1e-170)
  }

  @Test(
    "equal F64 values are equal by every metric, however large",
    arguments: DifferenceMetric.allCases, [1e300, 1e-300, 0])
  func equalExtremes(metric: DifferenceMetric, value: Double) {
    #expect(metric.value(Measures(wideSums([value], [value]), valueCount: 1)) == 0)
  }

  @Test("a metric is never NaN", arguments: DifferenceMetric.allCases)
  func notANumber(metric: DifferenceMetric) {
    var measures = Measures(sums([1, 2], [1, 3]), valueCount: 2)
    (measures.errorNorm, measures.largestError) = (.nan, .nan)
    #expect(metric.value(measures) == .infinity)
  }

  @Test("all CPU levels have the same bits", arguments: [0, 1, 15, 16, 17, 1_024, 5_003])
  func levels(count: Int) {
    let a = (0..<count).map { Float($0 % 97) * 0.37 - 11 }
    let b = (0..<count).map { Float($0 % 89) * 0.41 - 12 }
    let expected = sums(a, b, Kernels.levels[0])
    #expect(expected.finite == count)
    for kernels in Kernels.levels { #expect(sums(a, b, kernels) == expected) }
  }
}
