import Base
import Surveys
import TensorCore
import TestSupport
import Testing

@Suite struct RankTests {
  /// Returns values with many ties, zeros of both signs, and some that are not finite.
  private static func values(count: Int, seed: UInt64, nonfinite: Bool) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      switch Int.random(in: 0..<10, using: &random) {
      case 0: 0
      case 1: -0.0
      case 2...5: Float(Int.random(in: -6...6, using: &random)) / 8
      case 6 where nonfinite: [.infinity, -.infinity, .nan].randomElement(using: &random)!
      default: Float.random(in: -3...3, using: &random)
      }
    }
  }

  private static func magnitude(_ value: Float) -> UInt32 { value.bitPattern & 0x7FFF_FFFF }

  /// Counts parts of the values separately and merges the counts from the last part to the first.
  private static func counts(
    _ values: [Float], _ digits: Kernels.MagnitudeDigits, parts: Int
  ) -> DigitCounts {
    let step = max(1, (values.count + parts - 1) / parts)
    var total = DigitCounts(digits)
    for start in stride(from: 0, to: values.count, by: step).reversed() {
      var part = DigitCounts(digits)
      part.add(Array(values[start..<min(start + step, values.count)]).rawSpan)
      total.merge(part)
    }
    return total
  }

  private static func found(_ search: RankSearch, _ values: [Float], parts: Int) -> RankSearch? {
    var search = search
    while let digits = search.question {
      guard search.take(counts(values, digits, parts: parts)) else { return nil }
    }
    return search
  }

  @Test("a search finds the same magnitude as sorting, for any parts", arguments: 0..<8)
  func sorted(seed: Int) throws {
    let values = Self.values(count: 900, seed: UInt64(seed), nonfinite: seed % 2 == 1)
    for ranked in [DigitCounts.Ranked.all, .finite] {
      let wanted = ranked == .all ? values : values.filter(\.isFinite)
      let ascending = wanted.map(Self.magnitude).sorted()
      for order in [DigitCounts.Order.smallest, .largest] {
        let sorted = order == .smallest ? ascending : ascending.reversed()
        for count in [1, 2, 17, 450, sorted.count - 1, sorted.count] {
          let search = RankSearch(count: count, from: order, of: ranked)
          let found = try #require(Self.found(search, values, parts: 1 + seed))
          let threshold = sorted[count - 1]
          #expect(found.threshold == threshold)
          #expect(found.before == sorted.firstIndex(of: threshold))
          #expect(found.equalCount == sorted.count { $0 == threshold })
          #expect(found.tieCount == count - found.before)
        }
        let beyond = RankSearch(count: sorted.count + 1, from: order, of: ranked)
        #expect(Self.found(beyond, values, parts: 2) == nil)
      }
    }
  }

  @Test("values that change between the answers are detected")
  func changed() {
    var search = RankSearch(count: 3, from: .largest)
    let first = search.take(Self.counts([1, 1, 1], .upper, parts: 1))
    let second = search.take(Self.counts([1, 2, 2], search.question!, parts: 1))
    #expect(first && !second)
  }

  @Test("counters in memory and counts of survey files add up to the counts of the values")
  func counters() {
    let values = Self.values(count: 5000, seed: 9, nonfinite: true)
    let direct = Self.counts(values, .upper, parts: 1)
    var buffer = ByteBuffer(byteCount: DigitCounts.byteCount(.upper))
    var memory = buffer.mutableBytes
    memory.fill()
    Kernels.best.countMagnitudes(values.rawSpan, digits: .upper, into: &memory)
    var fromMemory = DigitCounts(.upper)
    fromMemory.add(counters: memory.bytes)
    #expect(fromMemory == direct)
    var fromPairs = DigitCounts(.upper)
    for (digit, count) in direct.counts.enumerated().reversed() where count > 0 {
      fromPairs.add(count, to: digit)
    }
    #expect(fromPairs == direct)
    #expect(direct.total() == 5000)
    #expect(direct.total(of: .finite) == values.count(where: \.isFinite))
  }

  @Test("the positions of several ranks and the next digit are found")
  func positions() {
    var counts = DigitCounts(.lower(upper: 3))
    counts.add(2, to: 10)
    counts.add(3, to: 40)
    func positions(_ ranks: [Int], _ order: DigitCounts.Order) -> [[Int]] {
      counts.positions(ofRanks: ranks, from: order).map { [$0.digit, $0.before] }
    }
    #expect(positions([0, 1, 2, 4, 5], .smallest) == [[10, 0], [10, 0], [40, 2], [40, 2]])
    #expect(positions([0, 2, 3, 9], .largest) == [[40, 0], [40, 0], [10, 3]])
    #expect(counts.next(after: 10) == 40)
    #expect(counts.next(after: 40) == nil)
    #expect(counts.next(after: (1 << 15) - 1) == nil)
  }

  @Test("ties are selected in the order of tiles")
  func ties() throws {
    var ties = TieCounts(tileCount: 4)
    for (tile, count) in [2, 0, 3, 1].enumerated() { ties.set(count, ofTile: tile) }
    #expect(ties.shares(of: 0) == [0, 0, 0, 0])
    #expect(ties.shares(of: 4) == [2, 0, 2, 0])
    #expect(ties.shares(of: 9) == [2, 0, 3, 1])
    let ends = [1, 2, 3, 5, 6].map { taken in ties.last(of: taken).map { [$0.tile, $0.occurrence] }
    }
    #expect(ends == [[0, 1], [0, 2], [2, 1], [2, 3], [3, 1]])
    #expect(ties.last(of: 7) == nil)
  }
}
