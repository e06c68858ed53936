import Base

/// The share and the number of repeats of a mixture of tokens.
package struct MixSettings: Codable, Sendable, Equatable {
  /// The share of the tokens that are repeats, above 0 and up to 1.
  package var share: Double
  /// The number of times that each repeated sequence occurs.
  package var times: Int
  /// The number of tokens of the mixture.
  package var tokenCount: Int
  /// The number of tokens of a sequence; nil for the length of the rows of the data.
  package var length: Int?
  package var seed: UInt64 = 0

  package init(share: Double, times: Int, tokenCount: Int) {
    (self.share, self.times, self.tokenCount) = (share, times, tokenCount)
  }

  fileprivate static let tokenLimit = 1 << 40

  /// - Throws: ``UsageError`` for settings out of range.
  package func check() throws {
    var faults: [UsageError] = []
    if !(share > 0 && share <= 1) {
      faults.append(
        UsageError("\(setting: "share") is \(share), expected above 0 % and up to 100 %"))
    }
    if !(2...Self.tokenLimit).contains(times) {
      faults.append(UsageError("\(setting: "times") is \(times), expected 2 to 2^40"))
    }
    if !(1...Self.tokenLimit).contains(tokenCount) {
      faults.append(UsageError("\(setting: "tokens") is \(tokenCount), expected 1 to 2^40"))
    }
    if let length, !(1...1 << 20).contains(length) {
      faults.append(UsageError("\(setting: "length") is \(length), expected 1 to 1048576"))
    }
    try SeveralErrors.throwIfAny(faults)
  }
}

/// The numbers of sequences of a mixture.
///
/// The numbers of sequences in a mixture of T tokens: a subset of p T / (R L) sequences of L tokens occurs R times each,
/// which makes the share p, and all others occur once.
/// Source: Hernandez et al., "Scaling laws and interpretability of learning from repeated data", 2022, section 2.
package struct MixCounts: Sendable, Equatable {
  package let length: Int
  package let times: Int
  /// The number of different sequences that are repeated.
  package let repeated: Int
  /// The number of sequences that occur once.
  package let unique: Int

  /// - Throws: ``UsageError`` if the tokens are too few for one repeated sequence.
  init(_ settings: MixSettings, length: Int) throws(UsageError) {
    let total = settings.tokenCount / length
    let wanted = settings.share * Double(total) / Double(settings.times)
    let limit = total / settings.times
    repeated = min(limit, Int(wanted.rounded()))  // fits: at most 2^40 sequences
    (self.length, times) = (length, settings.times)
    unique = total - repeated * settings.times
    guard repeated > 0 else {
      throw UsageError(
        "\(settings.tokenCount.grouped) tokens are too few for one sequence of \(length.grouped) tokens that "
          + "occurs \(settings.times.grouped) times in \((100 * settings.share).short) % of them",
        hint: Self.leastTokenCount(settings, length: length).map {
          "pass \(setting: "tokens") \($0) or more, or fewer \(setting: "times")"
        } ?? "pass fewer \(setting: "times"), or a larger \(setting: "share")")
    }
  }

  /// Returns the least number of tokens of which one sequence is repeated; nil if it is above that of any mixture.
  private static func leastTokenCount(_ settings: MixSettings, length: Int) -> Int? {
    let limit = MixSettings.tokenLimit / length
    let (times, share) = (Double(settings.times), settings.share)
    let needed = max(times, (times / 2 / share).rounded(.down))
    guard needed <= Double(limit) else { return nil }
    var total = Int(needed)  // fits: at most 2^40 sequences
    // The quotient is rounded, so that the number may be one sequence too small.
    while (share * Double(total) / times).rounded() < 1 { total += 1 }
    return total <= limit ? total * length : nil
  }

  package var total: Int { repeated * times + unique }
  /// The number of different sequences.
  package var distinct: Int { repeated + unique }
  /// The share of the tokens that are repeats.
  package var share: Double { Double(repeated * times) / Double(total) }
}
