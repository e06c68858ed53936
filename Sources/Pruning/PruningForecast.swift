import Glibc
package import Surveys

/// The shares of weights that iterations of SAP would keep, computed from a histogram of magnitudes alone.
///
/// Power sums use the mean of each bin of the histogram, and the cut falls inside of a bin, so a share may differ from
/// that of `prune` by about one part in 256 of the threshold. Complexity: O(*bins* · *iterations*).
package struct PruningForecast: Sendable, Equatable {
  /// The kept share of all weights after each iteration.
  package let keptShares: [Double]

  package init(_ magnitudes: MagnitudeHistogram, _ sap: SAP = SAP(), iterations: Int) {
    var bins = magnitudes.bins
    let total = bins.reduce(0) { $0 + $1.count }
    var shares: [Double] = []
    var start = 0
    for _ in 0..<iterations where total > 0 {
      var sums = PowerSums(p: 0, q: 0)
      for bin in bins[start...] {
        let count = Double(bin.count)
        sums.merge(
          PowerSums(
            p: count * pow(bin.magnitude, sap.exponents.p),
            q: count * pow(bin.magnitude, sap.exponents.q)))
      }
      let remaining = bins[start...].reduce(0) { $0 + $1.count }
      var dropped = sap.decision(count: remaining, powerSums: sums).dropCount
      while dropped > 0, start < bins.count {
        let part = min(dropped, bins[start].count)
        dropped -= part
        bins[start].count -= part
        if bins[start].count == 0 { start += 1 }
      }
      shares.append(Double(bins[start...].reduce(0) { $0 + $1.count }) / Double(total))
    }
    keptShares = shares
  }
}
