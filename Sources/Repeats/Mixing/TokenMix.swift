package import Base
import Checkpoints
import TensorCore

/// A mixture of tokens: a subset of sequences that occur many times, and others that occur once, in random order.
///
/// All draws are blocks of Philox with the seed as key, so that they depend on the seed and the numbers of sequences alone:
/// the sequences of the data in the order of the blocks 2⁶⁴ + i give first the subset and then the others, and the
/// occurrences are put in the order of the blocks 2 · 2⁶⁴ + k.
package struct TokenMix: Sendable {
  package let counts: MixCounts
  package let settings: MixSettings
  /// The number of sequences of the data, and of those that differ from all before them.
  package let dataCount: Int
  package let distinctCount: Int
  /// The numbers of the repeated sequences and of the others in the data, in ascending order.
  package let repeated: [UInt32]
  package let unique: [UInt32]
  let sequences: TokenSequences
  /// The sequences in the order of the mixture.
  private let order: [UInt32]

  /// The memory for a sequence of the data or of the mixture while its order is drawn.
  private static let byteCountPerSequence = 56

  /// - Parameters:
  ///   - corpus: Tokens.
  ///   - isPacked: True if sequences may cross the ends of documents.
  ///   - memory: The limit of resident memory.
  /// - Throws: ``UsageError`` if there are too few different sequences, or too little memory.
  package init(
    _ corpus: Corpus, _ settings: MixSettings, isPacked: Bool, memory: Int, parallel: Parallel
  ) throws {
    try settings.check()
    self.settings = settings
    let length = try Self.length(corpus, settings)
    let counts = try MixCounts(settings, length: length)
    let sequences = TokenSequences(corpus, length: length, isPacked: isPacked)
    (self.counts, self.sequences, dataCount) = (counts, sequences, sequences.count)
    guard sequences.count < 1 << 32, counts.total < 1 << 32 else {
      throw UsageError(
        "there are 2^32 sequences or more", hint: "use longer ones: \(setting: "length")")
    }
    let work = try ScanMemory(limit: memory).workByteCount(documentCount: 0)
    let needed = (sequences.count + counts.total) * Self.byteCountPerSequence
    guard needed <= work else {
      throw UsageError(
        "\(setting: "memory") \(ByteSize(memory)) is too little for \((sequences.count + counts.total).counted("sequence"))",
        hint:
          "pass \(setting: "memory") \((memory + needed - work) >> 20 + 1)MiB or more, or use longer sequences"
      )
    }
    let isRepeat = try sequences.repeats(parallel)
    distinctCount = isRepeat.count { !$0 }
    guard distinctCount >= counts.distinct else {
      throw Self.tooFew(corpus, sequences, distinctCount, counts)
    }
    let drawn = Self.drawn(isRepeat, count: counts.distinct, seed: settings.seed)
    repeated = drawn[..<counts.repeated].sorted()
    unique = drawn[counts.repeated...].sorted()
    order = Self.shuffled(repeated, unique, counts, seed: settings.seed)
    try checkOrder()
  }

  private static func length(_ corpus: Corpus, _ settings: MixSettings) throws -> Int {
    if let length = settings.length { return length }
    let lengths = Set(
      corpus.sources.map { source -> Int? in
        if case .tensor(let tensor, _) = source.origin.form,
          tensor.info.shape.dimensions.count == 2
        {
          return tensor.info.shape.dimensions[1]
        }
        return nil
      })
    guard lengths.count == 1, let length = lengths.first?.flatMap(\.self), length > 0 else {
      throw UsageError(
        "the data have no rows of one length",
        hint: "name that of sequences: \(setting: "length", "512")")
    }
    return length
  }

  private static func tooFew(
    _ corpus: Corpus, _ sequences: TokenSequences, _ distinct: Int, _ counts: MixCounts
  ) -> UsageError {
    let names = corpus.sources.prefix(3).map(\.path.printable).joined(separator: ", ")
    let repeats = sequences.count - distinct
    return UsageError(
      "\(names)\(corpus.sources.count > 3 ? " and others" : ""): \((distinct * counts.length).grouped) different "
        + "tokens in \(distinct.counted("sequence")) of \(counts.length.grouped)"
        + (repeats > 0 ? " (\(repeats.grouped) more are repeats of these)" : "")
        + ", expected \((counts.distinct * counts.length).grouped): \(counts.repeated.grouped) sequences to repeat and "
        + "\(counts.unique.grouped) to use once",
      hint: "give more data, or fewer \(setting: "tokens"), or a larger \(setting: "share")")
  }

  // MARK: Draws

  private static func random(_ seed: UInt64) -> Philox4x32 {
    Philox4x32(key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  private static func key(_ random: Philox4x32, _ number: Int, _ stream: UInt64) -> UInt64 {
    let block = random.block(low: UInt64(number), high: stream)
    return UInt64(block.y) << 32 | UInt64(block.x)
  }

  /// Returns the first sequences outside of the subset, in random order.
  private static func drawn(_ isRepeat: [Bool], count: Int, seed: UInt64) -> [UInt32] {
    let random = random(seed)
    var records = HashRecords()
    for sequence in isRepeat.indices where !isRepeat[sequence] {
      records.append(key: key(random, sequence, 1), value: sequence)
    }
    records.sort()
    return (0..<count).map { UInt32(records.value(at: $0)) }
  }

  private static func shuffled(
    _ repeated: [UInt32], _ unique: [UInt32], _ counts: MixCounts, seed: UInt64
  ) -> [UInt32] {
    let random = random(seed)
    var records = HashRecords()
    for sequence in repeated {
      for _ in 0..<counts.times {
        records.append(key: key(random, records.count, 2), value: Int(sequence))
      }
    }
    for sequence in unique {
      records.append(key: key(random, records.count, 2), value: Int(sequence))
    }
    records.sort()
    return (0..<records.count).map { UInt32(records.value(at: $0)) }
  }

  /// Checks that the order has each repeated sequence the right number of times, each other one once, and no more.
  private func checkOrder() throws {
    var seen = [UInt32](repeating: 0, count: dataCount)
    for sequence in order { seen[Int(sequence)] += 1 }
    let isRight =
      order.count * counts.length == (repeated.count * counts.times + unique.count) * counts.length
      && order.count == counts.total
      && repeated.allSatisfy { Int(seen[Int($0)]) == counts.times }
      && unique.allSatisfy { seen[Int($0)] == 1 }
      && seen.count { $0 > 0 } == counts.distinct
    guard isRight else { throw MixMismatch() }
  }

  // MARK: Tokens

  package var tokenCount: Int { order.count * counts.length }

  /// Returns a range of the tokens of the mixture.
  func ids(_ range: Range<Int>) throws -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(range.count)
    var place = range.lowerBound
    while place < range.upperBound {
      let (index, offset) = place.quotientAndRemainder(dividingBy: counts.length)
      let end = min(counts.length, offset + range.upperBound - place)
      let start = sequences.range(of: Int(order[index])).lowerBound
      ids += try sequences.corpus.ids(start + offset..<start + end)
      place += end - offset
    }
    return ids
  }
}

/// The sequences of a mixture do not add up, which is a fault of the program.
struct MixMismatch: UserError {
  var status: ExitStatus { .bug }
  var message: Message {
    "the order of the mixture does not have its repeated and unique sequences; nothing was written"
  }
}
