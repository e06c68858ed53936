package import Base

/// Training data of a fixed length, a share of which repeats a small random subset. The rest is unique.
///
/// Repeats replace unique sequences, so that the length does not depend on them: of `count` sequences in the data,
/// p · `count` are occurrences of a subset of p · `count` / r sequences, which occur r times each. The share is kept
/// exactly; if r does not divide it, the sequences of the subset occur r′ or r′ + 1 times, as near to r as a whole number of
/// sequences allows. All occurrences are shuffled together.
///
/// The sequences come from one random permutation of all that are available: first those of the unique part, then
/// those of the subset. So mixtures of the same length, share and seed have the same unique part for every r, the subset for
/// a larger r is a part of that for a smaller one, and ``control`` reads exactly the unique part. With r = 1 all
/// sequences are unique.
///
/// Random numbers are Philox4x32 blocks; the key is the XXH64 hash of "mixture sequences" or "mixture order" with the
/// seed, low word first, and the counter is the place.
///
/// Source: Hernandez et al., "Scaling Laws and Interpretability of Learning from Repeated Data", arXiv 2205.10487,
/// which replaces a share of the training tokens by repeats of a small random subset.
package struct Mixture: Sendable, Equatable {
  /// The number of sequences of the data, with all occurrences.
  package let count: Int
  /// The number of those that are occurrences of the subset.
  package let repeatedCount: Int
  /// The number of different sequences in the subset.
  package let subsetCount: Int

  /// - Parameters:
  ///   - count: The number of sequences of the data, at least 1.
  ///   - share: The share of occurrences of the subset, from 0 to 1.
  ///   - times: The number of times that each sequence of the subset occurs, at least 1.
  /// - Throws: ``UsageError`` if the subset would be smaller than one sequence.
  package init(count: Int, share: Double, times: Int) throws(UsageError) {
    guard count >= 1, count <= Self.longest else {
      throw UsageError(
        "a mixture of \(count.counted("sequence")), expected 1 to \(Self.longest.grouped)")
    }
    guard share >= 0, share <= 1 else {
      throw UsageError("\(setting: "share") is \(share), expected 0 to 1")
    }
    guard times >= 1 else {
      throw UsageError("\(setting: "times") is \(times), expected 1 or more")
    }
    let repeated = Int((share * Double(count)).rounded())  // fits: it is at most the count
    guard share == 0 || times == 1 || times <= repeated else {
      throw UsageError(
        "\(times.grouped) repeats of one sequence are more than the \(repeated.counted("sequence")) "
          + "of the repeated share",
        hint: "use fewer repeats, a larger share, more tokens or shorter sequences")
    }
    self.init(
      count: count, repeatedCount: repeated, subsetCount: (repeated + times / 2) / times)
  }

  private init(count: Int, repeatedCount: Int, subsetCount: Int) {
    self.count = count
    self.repeatedCount = repeatedCount
    self.subsetCount = subsetCount
  }

  /// The largest number of sequences; an order of them is held in memory.
  package static let longest = 1 << 31

  /// The number of sequences that occur once beside the subset.
  package var uniqueCount: Int { count - repeatedCount }
  /// The number of different sequences.
  package var distinctCount: Int { uniqueCount + subsetCount }
  /// The share of occurrences of the subset.
  package var share: Double { Double(repeatedCount) / Double(count) }
  /// The mean number of times that a sequence of the subset occurs; 1 without a subset.
  package var times: Double {
    subsetCount == 0 ? 1 : Double(repeatedCount) / Double(subsetCount)
  }

  /// The mixture of the unique part alone, with fewer sequences and without repeats; nil if all sequences are repeats.
  package var control: Mixture? {
    uniqueCount == 0 ? nil : Mixture(count: uniqueCount, repeatedCount: 0, subsetCount: 0)
  }

  /// Returns the sequences in the order of the data.
  /// - Parameter available: The number of sequences to draw from.
  /// - Throws: ``UsageError`` if there are fewer than ``distinctCount``.
  /// - Complexity: O(*available* + *count*).
  package func order(from available: Int, seed: UInt64) throws(UsageError) -> [Int] {
    let sequences = try distinct(from: available, seed: seed)
    var order = Array(sequences.prefix(uniqueCount))
    order.reserveCapacity(count)
    for occurrence in 0..<repeatedCount {
      order.append(sequences[uniqueCount + occurrence % subsetCount])
    }
    let shuffle = Random("mixture order", seed: seed)
    for place in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(place, shuffle.number(below: place + 1, at: place))
    }
    return order
  }

  /// Returns the sequences of the subset.
  /// - Parameter available: The number of sequences to draw from.
  /// - Throws: ``UsageError`` if there are fewer than ``distinctCount``.
  /// - Complexity: O(*available*).
  package func subset(from available: Int, seed: UInt64) throws(UsageError) -> [Int] {
    Array(try distinct(from: available, seed: seed).suffix(subsetCount))
  }

  /// Returns all different sequences: those of the unique part, then those of the subset.
  private func distinct(from available: Int, seed: UInt64) throws(UsageError) -> ArraySlice<Int> {
    guard distinctCount <= available else {
      throw UsageError(
        "the mixture needs \(distinctCount.counted("different sequence")), but the data have "
          + available.grouped,
        hint: "give more data, fewer tokens, or more repeats of a larger share")
    }
    let random = Random("mixture sequences", seed: seed)
    var sequences = Array(0..<available)
    for place in 0..<distinctCount {
      sequences.swapAt(place, place + random.number(below: available - place, at: place))
    }
    return sequences.prefix(distinctCount)
  }

  /// Random numbers for the places of a list.
  private struct Random {
    private let generator: Philox4x32

    init(_ purpose: String, seed: UInt64) {
      let key = XXH64.hash(purpose.utf8.span, seed: seed)
      generator = Philox4x32(
        key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
    }

    /// Returns a whole number from 0 to below `bound`.
    func number(below bound: Int, at place: Int) -> Int {
      let block = generator.block(low: UInt64(place))
      let word = UInt64(block.y) << 32 | UInt64(block.x)
      return Int(word.multipliedFullWidth(by: UInt64(bound)).high)  // fits: it is below bound
    }
  }
}
