import Base
import Checkpoints
import Foundation
import Repeats
import Testing

/// Tests of the removal of repeats.
@Suite struct DedupTests {
  /// What was removed and what is left.
  private struct Outcome {
    var tally: DedupTally
    var removed: [JSONValue]
    /// The content of the output, or of the files in its folder by their names.
    var files: [String: [UInt8]]

    /// The reason, document and range of each entry, and the document that stays.
    var entries: [String] {
      removed.map {
        "\($0["reason"]?.asString ?? "") \($0["document"]?.asString ?? "") "
          + "\($0["start"]?.asInt ?? -1)..<\($0["end"]?.asInt ?? -1) "
          + "\($0["kept"]?["document"]?.asString ?? "")"
      }
    }
  }

  /// Removes repeats from files of a new folder.
  /// - Parameter inputs: The names of the files that are passed; nil for the folder.
  private static func dedup(
    _ files: [String: [UInt8]], _ levels: [DedupSettings.Level], inputs: [String]?,
    output: String, length: Int? = nil, text: DataSettings.TextDocuments? = nil, jobs: Int = 2
  ) throws -> Outcome {
    let root = FileManager.default.temporaryDirectory.path + "/dedup-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    for (name, bytes) in files {
      let path = URL(filePath: root + "/in/" + name)
      try FileManager.default.createDirectory(
        at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: path)
    }
    let paths = inputs?.map { root + "/in/" + $0 } ?? [root + "/in"]
    var data = DataSettings(paths: paths)
    data.text = text
    var settings = DedupSettings()
    settings.levels = levels
    settings.rangeLength = length
    let cancellation = Cancellation()
    let corpus = try DataReader(
      data, temporaryFolder: "/tmp", memory: 1 << 31, cancellation: cancellation
    ) { _ in }.corpus()
    let target = try CorpusOutput(
      corpus, to: root + "/" + output, inputs: paths, replacesExisting: false,
      removesRanges: levels.contains(.ranges))
    var result = try Deduplication(
      corpus, settings, memory: 1 << 31, temporaryFolder: "/tmp",
      parallel: Parallel(jobs: jobs, cancellation: cancellation))
    var removed: [JSONValue] = []
    try result.removeRepeats { removed.append($0) }
    let group = OutputGroup()
    let resources = CorpusOutput.Resources(
      jobs: jobs, memory: MemoryBudget(limit: 1 << 30), cancellation: cancellation,
      progress: NoProgress())
    _ = try target.write(&result, resources, group: group)
    try group.commit()
    return Outcome(
      tally: result.tally, removed: removed, files: try Self.content(of: root + "/" + output))
  }

  private static func content(of path: String) throws -> [String: [UInt8]] {
    guard FileSystem.isDirectory(path) else {
      return ["": Array(try Data(contentsOf: URL(filePath: path)))]
    }
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path)
    where try FileSystem.isRegularFile(path + "/" + name) {
      files[name] = Array(try Data(contentsOf: URL(filePath: path + "/" + name)))
    }
    return files
  }

  private static func lines(
    _ text: String, _ levels: [DedupSettings.Level], length: Int? = nil
  ) throws -> (text: String, outcome: Outcome) {
    let outcome = try dedup(
      ["a.jsonl": Array(text.utf8)], levels, inputs: ["a.jsonl"], output: "b.jsonl", length: length)
    return (String(decoding: outcome.files[""] ?? [], as: UTF8.self), outcome)
  }

  @Test("equal documents leave, and all bytes of the other lines stay")
  func documents() throws {
    let lines = [
      "{ \"id\" : \"a\" , \"text\":\"one two\", \"n\":1.50 }\r\n", "\n",
      "{\"text\":\"One, two!\",\"id\":\"b\"}\n", "{\"id\":\"c\",\"text\":\"one\\u0020two\"}\n",
      "{\"id\":\"d\",\"text\":\"three\"}",
    ]
    let (left, outcome) = try Self.lines(lines.joined(), [.documents])
    #expect(left == lines[0] + lines[1] + lines[2] + lines[4])
    #expect(outcome.entries == ["documents c 0..<7 a"])
    #expect(outcome.tally.read == .init(documents: 4, pieces: 4, units: 28))
    #expect(outcome.tally.kept == .init(documents: 3, units: 21))
    let (words, other) = try Self.lines(lines.joined(), [.words])
    #expect(words == lines[0] + lines[1] + lines[4])
    #expect(other.entries == ["words b 0..<9 a", "documents c 0..<7 a"])
  }

  @Test("a document whose twin leaves is attributed to the one that stays")
  func chains() throws {
    let words = (0..<40).map { "word\($0)" }
    let first = words.joined(separator: " ")
    let second = (words.dropLast(2) + ["other", "end"]).joined(separator: " ")
    let lines = [("a", first), ("b", second), ("c", second), ("d", "alone")].map {
      "{\"id\":\"\($0)\",\"text\":\"\($1)\"}\n"
    }
    let (left, outcome) = try Self.lines(lines.joined(), [.near])
    #expect(left == lines[0] + lines[3])
    #expect(
      outcome.entries == [
        "near b 0..<\(second.utf8.count) a", "near c 0..<\(second.utf8.count) a",
      ])
  }

  @Test(
    "equal paragraphs leave with the white space around them",
    arguments: [
      ("x\n\ny\n\nx\n\nz", "x\n\ny\n\nz"), ("x\n\ny\n\nx", "x\n\ny"), ("x\n\ny\n\nx\n", "x\n\ny\n"),
      ("x\n\nx\n\nx", "x"), ("x\n\ny\n\ny\n\n\nz\n", "x\n\ny\n\n\nz\n"), ("x \n\n x", "x"),
    ])
  func paragraphs(text: String, expected: String) throws {
    func line(_ text: String) -> String {
      JSONValue.object(["text": .string(text), "k": [1]]).serialized() + "\n"
    }
    let (left, _) = try Self.lines(line(text), [.paragraphs])
    #expect(left == line(expected))
  }

  @Test("paragraphs at the start of a document leave, and a document of which nothing is left")
  func heads() throws {
    let lines = ["x\n\ny", "\ny\n\n x\n\nz", "x\n\n\ny\n", "é\n\nx"].map {
      JSONValue.object(["text": .string($0)]).serialized()
    }
    let (left, outcome) = try Self.lines(lines.joined(separator: "\n"), [.paragraphs])
    #expect(left == lines[0] + "\n{\"text\":\"z\"}\n{\"text\":\"é\"}")
    #expect(outcome.tally.kept.documents == 3)
    #expect(outcome.tally.removed[.paragraphs]?.documents == 1)
    let places = outcome.removed.map { ($0["start"]?.asInt ?? 0)..<($0["end"]?.asInt ?? 0) }
    #expect(places == [0..<5, 5..<8, 0..<4, 4..<6, 2..<5])
  }

  @Test("a line that was written in ASCII stays so")
  func escapes() throws {
    let (left, _) = try Self.lines(
      "{\"text\": \"x\\n\\nx\\n\\n\\u00e9 \\ud83d\\ude00\", \"a\": \"\\u00e9\"}\n", [.paragraphs])
    #expect(left == "{\"text\": \"x\\n\\n\\u00e9 \\ud83d\\ude00\", \"a\": \"\\u00e9\"}\n")
  }

  @Test("kinds are removed one after another, with places in the whole documents")
  func combination() throws {
    let run = "0123456789abcdefghijklmnopqrstuvwxyz"
    let texts = ["p\n\n" + run, "p\n\n" + run, "q \(run) é", "p\n\nr-\(run)", run]
    let lines = texts.enumerated().map {
      JSONValue.object(["id": .string("\($0.offset)"), "text": .string($0.element)]).serialized()
        + "\n"
    }
    let (left, outcome) = try Self.lines(
      lines.joined(), [.documents, .paragraphs, .ranges], length: 20)
    #expect(
      outcome.entries == [
        "documents 1 0..<39 0", "paragraphs 3 0..<3 0", "paragraphs 4 0..<36 0",
        "ranges 2 2..<38 0",
        "ranges 3 5..<41 0",
      ])
    #expect(left == lines[0] + "{\"id\":\"2\",\"text\":\"q  é\"}\n{\"id\":\"3\",\"text\":\"r-\"}\n")
    let kept = outcome.removed.last?["kept"]
    #expect(kept?["start"] == 3 && kept?["end"] == 23)
    #expect(outcome.tally.removed[.paragraphs] == .init(documents: 1, pieces: 2, units: 39))
  }

  @Test("ranges end between characters, and their first place stays")
  func characters() throws {
    let run = "abcdefghijklmnopqrstuvwxyz"
    // The last byte of U+0129 is that of U+00E9, whose first byte is that of U+00C8.
    let first = "{\"text\":\"\u{129}\(run)\u{E9}\"}\n"
    let (left, outcome) = try Self.lines(
      first + "{\"text\":\"\u{E9}\(run)\u{C8}\"}\n", [.ranges], length: 21)
    #expect(left == first + "{\"text\":\"\u{E9}\u{C8}\"}\n")
    #expect(outcome.tally.removed[.ranges]?.units == 26)
  }

  @Test("a range that crosses the end of a document stays")
  func crossing() throws {
    let lines = ["abcdefgh", "ijklmnop", "abcdefgh", "ijklmnop"].enumerated().map {
      "{\"id\":\($0),\"text\":\"\($1)\"}\n"
    }
    let (left, _) = try Self.lines(lines.joined(), [.ranges], length: 12)
    #expect(left == lines.joined())
  }

  @Test("a folder keeps its names, and files of which nothing is left are not written")
  func folder() throws {
    let text = Array("one\n\ntwo\n".utf8)
    let files = [
      "b.txt": text, "a/x.txt": text, "c.jsonl": Array("{\"text\":\"one\\n\\ntwo\\n\"}\n".utf8),
      "d.txt": Array("three\n\ntwo\n".utf8), "e.jsonl": [],
    ]
    let outcome = try Self.dedup(files, [.documents, .paragraphs], inputs: nil, output: "out")
    #expect(
      outcome.files == ["a/x.txt": text, "d.txt": Array("three\n".utf8), "e.jsonl": []])
    #expect(outcome.tally.kept.documents == 2 && outcome.tally.read.documents == 4)
  }

  @Test("lines of texts keep their ends, and a name in .zst is compressed")
  func textLines() throws {
    let text = Array("one\r\n\r\ntwo\none\r\none\ntwo".utf8)
    let outcome = try Self.dedup(
      ["a.txt": text], [.documents], inputs: ["a.txt"], output: "b.txt", text: .lines)
    #expect(outcome.files == ["": Array("one\r\n\r\ntwo\n".utf8)])
    let packed = try Self.dedup(
      ["a.txt": text], [.documents], inputs: ["a.txt"], output: "b.txt.zst", text: .lines)
    #expect(packed.files[""]?.prefix(4) == [0x28, 0xB5, 0x2F, 0xFD])
    #expect(packed.tally == outcome.tally)
  }

  private static func ids(_ ids: [UInt16]) -> [UInt8] {
    ids.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
  }

  @Test("ranges of ids leave, and rows of tensors leave as a whole", arguments: [1, 3])
  func tokens(jobs: Int) throws {
    let row = (0..<60).map { UInt16($0 * 7 % 97) }
    let ids = row + [500, 501] + row + [502]
    let outcome = try Self.dedup(
      ["a.u16": Self.ids(ids)], [.ranges], inputs: ["a.u16"], output: "b.u16", jobs: jobs)
    #expect(outcome.files == ["": Self.ids(row + [500, 501, 502])])
    #expect(outcome.removed.first?["kept"]?["start"] == 0)
    let header = "{'descr': '<u2', 'fortran_order': False, 'shape': (3, 4), }"
    let rows: [UInt16] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4]
    let length = 118
    let array =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length), 0]
      + Array((header + String(repeating: " ", count: length - header.utf8.count - 1) + "\n").utf8)
    let tensor = try Self.dedup(
      ["a.npy": array + Self.ids(rows)], [.near], inputs: ["a.npy"], output: "b.npy", jobs: jobs)
    let written = try #require(tensor.files[""])
    #expect(written.suffix(16) == Self.ids(Array(rows[..<8]))[...])
    #expect(String(decoding: written, as: UTF8.self).contains("(2, 4)"))
    #expect(tensor.entries.first?.hasPrefix("documents ") == true)
  }

  @Test("the twins of a scan leave, whatever the number of threads")
  func verses() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Fixtures/repeats/verses.jsonl.gz")
    let bytes = Array(try Data(contentsOf: folder))
    func outcome(_ levels: [DedupSettings.Level], jobs: Int) throws -> Outcome {
      try Self.dedup(
        ["v.jsonl.gz": bytes], levels, inputs: ["v.jsonl.gz"], output: "v.jsonl", jobs: jobs)
    }
    let equal = try outcome([.documents], jobs: 2)
    #expect(equal.tally.removed == [.documents: .init(documents: 15, pieces: 15, units: 1725)])
    let words = try outcome([.words], jobs: 2)
    #expect(words.tally.allRemoved.documents == 26)
    let near = try outcome([.near], jobs: 1)
    #expect(near.tally.allRemoved.documents > 50)
    let removed = Set(near.removed.compactMap { $0["document"]?.asString })
    #expect(removed.isDisjoint(with: near.removed.compactMap { $0["kept"]?["document"]?.asString }))
    let other = try outcome([.near], jobs: 3)
    #expect(other.files == near.files && other.tally == near.tally)
    let all = try outcome([.near, .paragraphs, .ranges], jobs: 2)
    #expect(all.tally.allRemoved.units + all.tally.kept.units == all.tally.read.units)
    let ranges = try outcome([.ranges], jobs: 2)
    #expect(ranges.tally.removed[.ranges]?.pieces ?? 0 > 20)
  }

  @Test(
    "outputs that cannot hold the documents are refused",
    arguments: [
      ("a.u16", "b.u32", DedupSettings.Level.documents, "as .u16"),
      ("a.jsonl", "b.jsonl.gz", .documents, "compressed with zstd"),
      ("a.u16", "b.u16", .paragraphs, "tokens have no paragraphs"),
      ("a.jsonl", "b.u16", .documents, "as JSON lines"),
      ("a.jsonl", "b.npy", .documents, "as JSON lines"),
      ("a.jsonl", "b.txt", .documents, "as JSON lines"),
      ("a.u16", "b.npy", .documents, "as .u16"), ("a.u16", "b.txt", .documents, "as .u16"),
      ("a.u16", "b.u16.gz", .documents, "as .u16"),
      ("a.txt", "b.jsonl", .documents, "as a text"),
      ("a.txt", "b.safetensors", .documents, "as a text"),
    ])
  func refused(input: String, output: String, level: DedupSettings.Level, reason: String) {
    let files = [
      "a.u16": Self.ids([1, 2, 3]), "a.jsonl": Array("{\"text\":\"a\"}\n".utf8),
      "a.txt": Array("a".utf8),
    ]
    #expect {
      try Self.dedup(files, [level], inputs: [input], output: output)
    } throws: {
      ($0 as? any UserError)?.description.contains(reason) ?? false
    }
  }

  @Test(
    "settings of near-duplicates need their removal", arguments: ["threshold", "shingle", "seed"])
  func unused(key: String) {
    var settings = DedupSettings()
    settings.levels = [.documents, .words, .ranges]
    switch key {
    case "threshold": settings.threshold = 0.7
    case "shingle": settings.shingle = 3
    default: settings.seed = 0
    }
    let error = #expect(throws: UsageError.self) { try settings.check() }
    #expect(error?.message.text(.commandLine).hasPrefix("--\(key) ") == true)
    settings.levels.append(.near)
    #expect(throws: Never.self) { try settings.check() }
  }

  @Test("inputs are not replaced, nor are two of them written to one file")
  func protected() throws {
    let files = [
      "a/x.jsonl": Array("{\"text\":\"a\"}\n".utf8), "b/x.jsonl": Array("{\"text\":\"b\"}\n".utf8),
    ]
    #expect {
      try Self.dedup(files, [.documents], inputs: ["a/x.jsonl"], output: "in/a/x.jsonl")
    } throws: {
      ($0 as? any UserError)?.description.contains("is the input itself") ?? false
    }
    #expect {
      try Self.dedup(files, [.documents], inputs: nil, output: "in")
    } throws: {
      ($0 as? any UserError)?.status == .usage || ($0 as? any UserError)?.status == .outputExists
    }
    #expect {
      try Self.dedup(files, [.documents], inputs: ["a/x.jsonl", "b/x.jsonl"], output: "out")
    } throws: {
      ($0 as? any UserError)?.description.contains("two inputs") ?? false
    }
  }
}
