import Base
import Foundation
import Repeats
import Testing

/// Tests of equal paragraphs against a division of the text by another rule.
@Suite struct ParagraphTests {
  private static func repeats(
    of texts: [String], memory: Int = 1 << 28, jobs: Int = 2
  ) throws -> ParagraphRepeats {
    let path =
      FileManager.default.temporaryDirectory.path + "/paragraphs-\(UUID().uuidString).jsonl"
    let lines = texts.map { JSONValue.object(["text": .string($0)]).serialized() + "\n" }
    try Data(lines.joined().utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let cancellation = Cancellation()
    let reader = DataReader(
      DataSettings(paths: [path]), temporaryFolder: "/tmp", memory: 1 << 30,
      cancellation: cancellation
    ) { _ in }
    return try ParagraphRepeats(
      reader.corpus(), limit: 1000, memory: memory,
      parallel: Parallel(jobs: jobs, cancellation: cancellation))
  }

  @Test(
    "paragraphs are runs of lines without the white space around them",
    arguments: [
      ("a\n\nb\n\na", 3, 1), ("a\n \t\nb\r\n\r\n  a  ", 3, 1), ("a\nb\n\na\n\na\nb", 3, 1),
      ("\n\na\n\n\n\n\na\n\n", 2, 1), ("a b\n\na  b", 2, 0), ("", 0, 0), (" \n\n ", 0, 0),
      ("a\n\na\n\na", 3, 2), ("ä\n\nä", 2, 1),
    ])
  func division(text: String, count: Int, extra: Int) throws {
    let found = try Self.repeats(of: [text])
    #expect(found.count == count && found.extraCount == extra)
  }

  @Test("the first place, the bytes and the words of equal paragraphs are known")
  func places() throws {
    let found = try Self.repeats(of: ["one two\n\nthree", "  three\n\none two", "three\n\nfour"])
    #expect(found.groups.map(\.first) == [9..<14, 0..<7])
    #expect(found.groups.map(\.times) == [3, 2])
    #expect(found.groupCount == 2 && found.extraByteCount == 17)
    let classes = found.histogram.entries.map { [$0.times, $0.distinct, $0.tokens] }
    #expect(classes == [[1, 1, 1], [2, 1, 4], [3, 1, 3]])
  }

  /// A long text whose paragraphs have 2 to `maximum` bytes, drawn from a number of different ones.
  private static func text(_ count: Int, of distinct: UInt32, maximum: UInt32) -> [String] {
    let random = Philox4x32(key: (7, 3))
    return (0..<count).map { index in
      let number = random.block(low: UInt64(index)).x % distinct
      let length = Int(random.block(low: UInt64(number), high: 1).x % maximum)
      // The first and the last letter differ from white space, and lines inside of a paragraph have content.
      return "<" + String(repeating: "line \(number)\n", count: length / 8 + 1) + "\(number)>"
    }
  }

  @Test(
    "paragraphs that do not fit into memory, or into a batch, are counted too",
    arguments: [(20_000, 12_000 as UInt32, 24 as UInt32), (16, 6, 700_000)])
  func large(count: Int, distinct: UInt32, maximum: UInt32) throws {
    let paragraphs = Self.text(count, of: distinct, maximum: maximum)
    let text = paragraphs.joined(separator: "\n\n")
    let found = try Self.repeats(of: [text], memory: 1 << 18)
    let counts = Dictionary(paragraphs.map { ($0, 1) }, uniquingKeysWith: +)
    #expect(found.count == count)
    #expect(found.groupCount == counts.values.filter { $0 > 1 }.count)
    #expect(found.extraCount == count - counts.count && found.extraCount >= 10)
    let extra = counts.reduce(0) { $0 + ($1.value - 1) * $1.key.utf8.count }
    #expect(found.extraByteCount == extra)
    #expect((found.tableCount > 1) == (counts.count > 1000))
    let more = try Self.repeats(of: [text], jobs: 1)
    #expect(more.tableCount == 1 && more.groups == found.groups)
    #expect(more.histogram == found.histogram)
  }
}
