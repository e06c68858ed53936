import Base

/// Random numbers of a training. Each depends only on its purpose, the seed, the step and the index.
///
/// The generator is `Philox4x32`. Its key is the XXH64 hash of the purpose with the seed, low word first; the counter is
/// step · 2⁶⁴ + index.
package struct Draws: Sendable {
  private let generator: Philox4x32

  package init(_ purpose: String, seed: UInt64) {
    let key = XXH64.hash(purpose.utf8.span, seed: seed)
    generator = Philox4x32(
      key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
  }

  /// Returns a whole number from 0 to below `bound`: the upper 64 bits of `bound` times a random word of 64 bits.
  package func number(below bound: Int, step: Int, index: Int) -> Int {
    let block = generator.block(
      low: UInt64(truncatingIfNeeded: index), high: UInt64(truncatingIfNeeded: step))
    let word = UInt64(block.y) << 32 | UInt64(block.x)
    return Int(word.multipliedFullWidth(by: UInt64(bound)).high)  // fits: it is below bound
  }

  /// Returns the numbers below `count` in a random order.
  /// - Complexity: O(*count*).
  package func permutation(_ count: Int, step: Int) -> [Int] {
    var result = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      result.swapAt(last, number(below: last + 1, step: step, index: last))
    }
    return result
  }
}
