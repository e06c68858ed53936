package import Surveys

/// How many weights of a group go in one iteration.
package enum Amount: Sendable, Equatable {
  /// As many as the PQ Index of what is left tells.
  case adaptive(SAP)
  /// Those below the quantile of this share of the scores, linear between neighbours; what equals it
  /// stays. In float32 as the one-shot mode of the official code, whose ranks are float64 for neurons
  /// (`nanquantile`) and float32 otherwise.
  case quantile(Double, wideRanks: Bool)
  /// ⌊share · count⌋, of equal scores the last.
  case exactly(Double)

  /// The score that decides and how the equal ones are treated.
  package struct Cut: Sendable, Equatable {
    /// Scores below that of this rank in ascending order go.
    package var rank: Int
    /// How far the bound lies from the score of that rank to the next.
    package var fraction: Float = 0
    /// Whether of those that equal it just as many go as are missing.
    package var cutsTies: Bool
    package var decision: SAP.Decision?
  }

  /// What scores have to reach, as bits: between the score of a rank and that of the next.
  static func bound(_ score: UInt32, next: UInt32, fraction: Float) -> UInt32 {
    let (low, high) = (Float(bitPattern: score), Float(bitPattern: next))
    guard fraction > 0, next > score else { return score }
    let distance = high - low
    let bound =
      fraction < 0.5 ? low + fraction * distance : high - distance * (1 - fraction)
    return max(score, min(next, bound.bitPattern))
  }

  /// nil if nothing goes.
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
      let rank = min(count - 1, Int(position))
      return Cut(
        rank: rank, fraction: rank == count - 1 ? 0 : Float(position - Double(rank)),
        cutsTies: false)
    case .exactly(let share):
      let drop = Int((share * Double(count)).rounded(.down))
      return drop == 0 ? nil : Cut(rank: min(drop, count), cutsTies: true)
    }
  }

  /// The exponents by which a report compares before and after.
  package var exponents: PQIndex {
    if case .adaptive(let sap) = self { sap.exponents } else { .standard }
  }
}
