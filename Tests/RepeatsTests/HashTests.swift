import Base
import Repeats
import TestSupport
import Testing

/// Tests of hashes that are counted or compared in parts.
@Suite struct HashTests {
  @Test("counts of parts of the hashes are those of all together", arguments: [1, 2, 7])
  func counts(partCount: Int) throws {
    let random = Philox4x32(key: (9, 4))
    let hashes = (0..<40_000).map { number -> UInt64 in
      let value = random.block(low: UInt64(number))
      return UInt64(value.x % 3_000) &* 0x9E37_79B9_7F4A_7C15 >> (value.y % 2)
    }
    var expected: [UInt64: Int] = [:]
    for hash in hashes { expected[hash, default: 0] += 1 }
    var found: [Int] = []
    for part in HashPart.parts(partCount) {
      var counter = HashCounter(memory: 1 << 16)
      for start in stride(from: 0, to: hashes.count, by: 999) {
        let next = hashes[start..<min(hashes.count, start + 999)].filter(part.contains)
        let isAdded = counter.add(next)
        #expect(isAdded)
      }
      counter.forEachCount { found.append($0) }
    }
    #expect(found.sorted() == expected.values.sorted())
  }

  @Test("more hashes than fit into memory are refused")
  func overflow() {
    var counter = HashCounter(memory: 1 << 16)
    let isComplete = (0..<100).allSatisfy { block in
      counter.add((0..<1_000).map { UInt64(block * 1_000 + $0) })
    }
    #expect(!isComplete)
  }

  @Test("the parts of a part have its hashes, each once", arguments: [1, 3] as [UInt64])
  func division(count: UInt64) throws {
    let parts = try HashPart.parts(5).flatMap { try $0.divided(into: count + 1) }
    for hash in (0..<1_000).map({ UInt64($0) << 32 }) {
      #expect(parts.count { $0.contains(hash) } == 1)
    }
  }

  @Test("a hash cannot be divided without end")
  func endlessDivision() {
    #expect {
      var part = HashPart.parts(1)[0]
      while true { part = try part.divided()[0] }
    } throws: {
      $0 is UsageError
    }
  }

  @Test(
    "the similarity of documents is that of their sets of shingles, in any number of parts",
    arguments: [1 << 20, 50, 3])
  func similarity(limit: Int) throws {
    let random = Philox4x32(key: (6, 6))
    let words = (0..<900).map { "w\(random.block(low: UInt64($0)).x % 40)" }
    var other = words
    for index in stride(from: 5, to: words.count, by: 31) { other[index] = "x\(index)" }
    let folder = try TemporaryFolder()
    let lines = [words, other].map { #"{"text":"\#($0.joined(separator: " "))"}"# }
    try folder.write(Array(lines.joined(separator: "\n").utf8), to: "t.jsonl")
    let corpus = try DataReader(
      DataSettings(paths: [folder["t.jsonl"]]), temporaryFolder: folder.path, memory: 1 << 31,
      cancellation: Cancellation(), note: { _ in }
    ).corpus()
    let sets = [words, other].map { words in
      Set((0..<words.count - 2).map { words[$0..<$0 + 3].joined(separator: " ") })
    }
    let expected =
      Double(sets[0].intersection(sets[1]).count) / Double(sets[0].union(sets[1]).count)
    let shingles = ShingleSets(
      corpus, MinHashScheme(), wordCounts: [words.count, other.count], limit: limit)
    #expect(try shingles.similarity(0, 1) == expected)
    #expect(try shingles.similarity(0, 0) == 1)
  }
}
