/// The counter-based generator Philox4x32 with 10 rounds.
///
/// A block depends only on the key and the counter, so any part of a sequence can be computed independently and in
/// any order.
///
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
package struct Philox4x32: Sendable {
  private static let roundCount = 10
  private static let multipliers: (UInt32, UInt32) = (0xD251_1F53, 0xCD9E_8D57)
  private static let keySteps: (UInt32, UInt32) = (0x9E37_79B9, 0xBB67_AE85)

  private let key: (UInt32, UInt32)

  package init(key: (UInt32, UInt32)) { self.key = key }

  /// Returns the four words for the counter `high · 2⁶⁴ + low`, least significant word first.
  package func block(low: UInt64, high: UInt64 = 0) -> SIMD4<UInt32> {
    // Scalars are faster here: packing four words into a vector in every round costs more than the round.
    var word0 = UInt32(truncatingIfNeeded: low)
    var word1 = UInt32(truncatingIfNeeded: low >> 32)
    var word2 = UInt32(truncatingIfNeeded: high)
    var word3 = UInt32(truncatingIfNeeded: high >> 32)
    var key = key
    for _ in 0..<Self.roundCount {
      let first = Self.multipliers.0.multipliedFullWidth(by: word0)
      let second = Self.multipliers.1.multipliedFullWidth(by: word2)
      word0 = second.high ^ word1 ^ key.0
      word1 = second.low
      word2 = first.high ^ word3 ^ key.1
      word3 = first.low
      key = (key.0 &+ Self.keySteps.0, key.1 &+ Self.keySteps.1)
    }
    return SIMD4(word0, word1, word2, word3)
  }
}
