import Base
import Repeats
import TestSupport
import Testing

/// Tests of repeated runs in texts whose repeats do not fit into memory, against suffix arrays of the whole text.
@Suite struct FrequentRunTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func ranges(_ text: [UInt8], length: Int, memory: Int) throws -> RepeatedRanges {
    try folder.write(text, to: "text.txt")
    let reader = DataReader(
      DataSettings(paths: [folder["text.txt"]]), temporaryFolder: folder.path, memory: memory,
      cancellation: Cancellation(), note: { _ in })
    return try RepeatedRanges(
      reader.corpus(), length: length, memory: memory,
      parallel: Parallel(jobs: 2, cancellation: Cancellation()))
  }

  @Test(
    "a word or a line without end is read a few times",
    arguments: ["a", "spam", "a line that is repeated without end, again and again, for ever\n"])
  func endless(word: String) throws {
    let text = Array(String(repeating: word, count: 1_000_000 / word.utf8.count).utf8)
    let found = try ranges(text, length: 100, memory: 1 << 20)
    let period = word.utf8.count
    #expect(found.starts.ranges == [0..<text.count - 99])
    #expect(found.laterStarts.ranges == [period..<text.count - 99])
    #expect(found.readingCount <= 12)
    #expect(found.comparedCount <= 4 * text.count)
  }

  @Test("different runs with equal hashes are told apart")
  func collisions() throws {
    // The Thue-Morse word of length 2^11 and its complement have equal hashes by every base modulo 2^64.
    let word = (0..<1 << 11).map { UInt8(97 + $0.nonzeroBitCount % 2) }
    let complement = word.map { 195 - $0 }
    var text: [UInt8] = []
    for number in 0..<40 {
      text += word + Array("<\(number * 7919)>".utf8)
      text += complement + Array("[\(number * 104_729)]".utf8)
    }
    let few = try ranges(text, length: 1 << 11, memory: 1 << 20)
    let many = try ranges(text, length: 1 << 11, memory: 1 << 28)
    #expect(few.readingCount > many.readingCount)
    #expect(few.starts == many.starts && few.laterStarts == many.laterStarts)
    #expect(many.starts.count >= 80 && many.laterStarts.count >= 78)
  }

  @Test("too many ranges for the memory are an error")
  func tooManyRanges() throws {
    // Pairs of equal runs of 4 bytes, each between bytes that differ.
    let random = Philox4x32(key: (1, 2))
    var runs: [[UInt8]] = []
    for number in 0..<60_000 {
      let bits = random.block(low: UInt64(number)).x
      runs.append((0..<4).map { UInt8(97 + (bits >> (5 * $0)) % 26) })
    }
    var text: [UInt8] = []
    for end in [65, 66] as [UInt8] {
      for run in runs { text += run + [end] }
    }
    #expect {
      try ranges(text, length: 4, memory: 1 << 20)
    } throws: {
      ($0 as? UsageError)?.message.contains("repeated ranges") == true
    }
  }
}
