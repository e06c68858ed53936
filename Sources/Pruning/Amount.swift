package import Surveys

/// The rule for the number of weights that one iteration drops from a group.
package enum Amount: Sendable, Equatable {
  /// Drops the number of weights that SAP derives from the PQ Index of the remaining weights.
  case adaptive(SAP)
  /// Drops the weights whose scores are below the quantile at this share, interpolated linearly. Scores that
  /// equal the quantile are kept.
  ///
  /// As in the one-shot mode of the official code, the quantile is computed in float32. Its ranks are float64
  /// for neurons (`nanquantile`) and float32 otherwise.
  case quantile(Double, wideRanks: Bool)
  /// Drops ⌊share · count⌋ weights; among equal scores, the last ones.
  case exactly(Double)

  /// The score at which a group is cut, and the treatment of scores that equal it.
  package struct Cut: Sendable, Equatable {
    /// The rank in ascending order of the score at the cut. Lower scores are dropped.
    package var rank: Int
    /// The position of the bound between the score of that rank and the next, from 0 to 1.
    package var fraction: Float = 0
    /// True to drop some of the scores that equal the bound, so that exactly `rank` weights are dropped.
    package var cutsTies: Bool
    package var decision: SAP.Decision?
  }

  /// Returns the bound that scores must reach, as float32 bits.
  /// - Parameters:
  ///   - score: The score of the rank, as float32 bits.
  ///   - next: The score of the next rank, as float32 bits.
  ///   - fraction: The position of the bound between the two scores.
  static func bound(_ score: UInt32, next: UInt32, fraction: Float) -> UInt32 {
    let (low, high) = (Float(bitPattern: score), Float(bitPattern: next))
    guard fraction > 0, next > score else { return score }
    let distance = high - low
    let bound =
      fraction < 0.5 ? low + fraction * distance : high - distance * (1 - fraction)
    return max(score, min(next, bound.bitPattern))
  }

  /// Returns the cut of a group; nil if nothing is dropped.
  /// - Parameters:
  ///   - count: The number of remaining weights.
  ///   - powerSums: The power sums of the remaining weights.
  package func cut(count: Int, powerSums: PowerSums) -> Cut? {
    guard count > 0 else { return nil }
    switch self {
    case .adaptive(let sap):
      let decision = sap.decision(count: count, powerSums: powerSums)
      return Cut(rank: decision.dropCount, cutsTies: false, decision: decision)
    case .quantile(let share, let wideRanks):
      let last = Double(count - 1)
      let position =
        wideRanks || count > 1 << 24
        ? Double(Float(share)) * last : Double(Float(share) * Float(last))
      let rank = min(count - 1, Int(position))  // fits: the share is from 0 to 1
      return Cut(
        rank: rank, fraction: rank == count - 1 ? 0 : Float(position - Double(rank)),
        cutsTies: false)
    case .exactly(let share):
      let drop = Int((share * Double(count)).rounded(.down))  // fits: the share is from 0 to 1
      return drop == 0 ? nil : Cut(rank: min(drop, count), cutsTies: true)
    }
  }

  /// The exponents of the PQ Index that a report compares before and after pruning.
  package var exponents: PQIndex {
    if case .adaptive(let sap) = self { sap.exponents } else { .standard }
  }
}
