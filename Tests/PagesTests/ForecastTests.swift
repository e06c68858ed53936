import Pruning
import Surveys
import TensorCore
import Testing

struct ForecastTests {
  /// A histogram of float32 values whose magnitudes are powers of two.
  private func histogram(_ counts: [(exponent: Int, count: UInt64)]) -> MagnitudeHistogram {
    var histogram = MagnitudeHistogram()
    for (exponent, count) in counts { histogram.add(count, to: (exponent + 127) << 8) }
    return histogram
  }

  @Test("equal magnitudes are all kept, and an empty model has no forecast")
  func equal() {
    #expect(PruningForecast(histogram([(0, 1000)]), iterations: 3).keptShares == [1, 1, 1])
    #expect(PruningForecast(MagnitudeHistogram(), iterations: 3).keptShares.isEmpty)
  }

  @Test("the first iteration keeps what the decision of SAP keeps, and shares never grow")
  func decision() {
    let counts: [(exponent: Int, count: UInt64)] = [(-8, 600), (-3, 300), (0, 100)]
    var sums = PowerSums(p: 0, q: 0)
    for (exponent, count) in counts {
      let magnitude = Double(sign: .plus, exponent: exponent, significand: 1)
      sums.p += Double(count) * magnitude.squareRoot()
      sums.q += Double(count) * magnitude
    }
    let dropped = SAP().decision(count: 1000, powerSums: sums).dropCount
    let shares = PruningForecast(histogram(counts), iterations: 4).keptShares
    #expect(shares[0] == Double(1000 - dropped) / 1000)
    #expect(dropped > 0 && shares == shares.sorted(by: >))
  }

  @Test("octaves count magnitudes by powers of two, without zeros")
  func octaves() {
    var values = histogram([(-2, 3), (1, 5)])
    values.add(7, to: 0)
    #expect(values.octaves == MagnitudeHistogram.Octaves(lowest: -2, counts: [3, 0, 0, 5]))
    #expect(histogram([]).octaves == nil)
  }
}
