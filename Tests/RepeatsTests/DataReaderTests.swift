import Base
import Foundation
import Repeats
import Synchronization
import TestSupport
import Testing

/// Tests of the inputs of scans: names, links, bounds and faults.
@Suite struct DataReaderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(
    _ names: [String], text: DataSettings.TextDocuments? = nil, memory: Int = 1 << 31
  ) throws -> (corpus: Corpus, notes: [String]) {
    var settings = DataSettings(paths: names.map { folder[$0] })
    settings.text = text
    let notes = Mutex<[String]>([])
    let corpus = try DataReader(
      settings, temporaryFolder: folder.path, memory: memory, cancellation: Cancellation(),
      note: { note in notes.withLock { $0.append(note.text(.plain)) } }
    ).corpus()
    return (corpus, notes.withLock { $0 })
  }

  private func expectFault(
    _ names: [String], text: DataSettings.TextDocuments? = nil, memory: Int = 1 << 31,
    _ parts: String...
  ) {
    #expect {
      try read(names, text: text, memory: memory)
    } throws: { error in
      guard let error = error as? any UserError else { return false }
      let message = error.description + (error.hint?.text(.plain) ?? "")
      return parts.allSatisfy(message.contains)
    }
  }

  /// Writes a safetensors file with a tensor of one dimension.
  private func write(_ bytes: [UInt8], _ dtype: String, count: Int, to name: String) throws {
    let header =
      #"{"ids":{"dtype":"\#(dtype)","shape":[\#(count)],"data_offsets":[0,\#(bytes.count)]}}"#
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    try folder.write(length + Array(header.utf8) + bytes, to: name)
  }

  // MARK: Names

  @Test("a file that is named twice, by a link or in its folder, is read once and noted")
  func once() throws {
    try folder.write(Array("one text".utf8), to: "d/a.txt")
    try folder.write(Array("another".utf8), to: "d/b.txt")
    for (link, target) in [("d/c.txt", "a.txt"), ("l.txt", "d/b.txt")] {
      try FileManager.default.createSymbolicLink(
        atPath: folder[link], withDestinationPath: target)
    }
    try FileManager.default.linkItem(atPath: folder["d/a.txt"], toPath: folder["h.txt"])
    for (names, noteCount) in [
      (["d"], 1), (["d", "d"], 4), (["d/a.txt", "d"], 2), (["h.txt", "d", "l.txt"], 3),
    ] {
      let (corpus, notes) = try read(names)
      #expect(corpus.documentCount == 2, "\(names)")
      #expect(notes.allSatisfy { $0.contains("was not read again") })
      #expect(notes.count == noteCount, "\(names): \(notes)")
    }
  }

  @Test("links to other folders and broken links in a folder are noted")
  func links() throws {
    try folder.write(Array("text".utf8), to: "d/a.txt")
    try folder.write(Array("outside".utf8), to: "e/b.txt")
    for (link, target) in [("d/f", "../e"), ("d/g", "nowhere"), ("d/h.txt", "../e/b.txt")] {
      try FileManager.default.createSymbolicLink(
        atPath: folder[link], withDestinationPath: target)
    }
    let (corpus, notes) = try read(["d"])
    #expect(corpus.documentCount == 2)
    #expect(notes.count == 2 && notes[0].contains("d/f") && notes[1].contains("d/g"))
  }

  @Test("a name of a file may have a colon, also before the name of a tensor")
  func colons() throws {
    try write([1, 2, 3], "U8", count: 3, to: "a:b.safetensors")
    #expect(try read(["a:b.safetensors"]).corpus.unitCount == 3)
    #expect(try read(["a:b.safetensors:ids"]).corpus.unitCount == 3)
    expectFault(["a:b.safetensors:idz"], "idz", "a:b.safetensors:NAME", "ids")
  }

  // MARK: Settings

  @Test(
    "settings that apply to none of the inputs are refused",
    arguments: [
      ("field", "a.txt"), ("field", "a.u16"), ("documents", "a.jsonl"), ("documents", "a.u16"),
      ("ids", "a.u16"), ("ids", "a.txt"), ("ids", "a.jsonl"),
    ])
  func unused(key: String, name: String) throws {
    let error = #expect(throws: UsageError.self) { try corpus(key, [name]) }
    #expect(error?.message.text(.commandLine).hasPrefix("--\(key) ") == true)
  }

  @Test(
    "a setting that applies to one of the inputs is used",
    arguments: [
      ("field", ["a.txt", "a.jsonl"], 2), ("documents", ["a.jsonl", "a.txt"], 3),
      ("ids", ["a.u16", "a.bin"], 2),
    ])
  func used(key: String, names: [String], documentCount: Int) throws {
    #expect(try corpus(key, names).documentCount == documentCount)
  }

  /// Reads small inputs with a setting.
  private func corpus(_ key: String, _ names: [String]) throws -> Corpus {
    for (name, text) in [
      ("a.txt", "one\ntwo"), ("a.jsonl", "{\"text\": \"one\", \"body\": \"two\"}\n"),
      ("a.u16", "abcd"), ("a.bin", "ab"),
    ] { try folder.write(Array(text.utf8), to: name) }
    var settings = DataSettings(paths: names.map { folder[$0] })
    switch key {
    case "field": settings.field = "body"
    case "documents": settings.text = .lines
    default: settings.ids = "u16"
    }
    return try DataReader(
      settings, temporaryFolder: folder.path, memory: 1 << 31, cancellation: Cancellation(),
      note: { _ in }
    ).corpus()
  }

  // MARK: Tokens

  @Test(
    "integers of all dtypes are ids",
    arguments: [
      ("I8", 1), ("U8", 1), ("I16", 2), ("U16", 2), ("I32", 4), ("U32", 4), ("I64", 8), ("U64", 8),
    ])
  func integers(dtype: String, byteCount: Int) throws {
    let bytes = [7, 100].flatMap { [UInt8($0)] + [UInt8](repeating: 0, count: byteCount - 1) }
    try write(bytes, dtype, count: 2, to: "t.safetensors")
    #expect(try read(["t.safetensors"]).corpus.bytes(0..<2) == [7, 0, 0, 0, 100, 0, 0, 0])
  }

  @Test(
    "negative and too large ids are faults with their place",
    arguments: [
      ("I8", 1, "-1"), ("I16", 2, "-1"), ("I32", 4, "-1"), ("I64", 8, "-1"),
      ("U32", 4, "4294967295"), ("U64", 8, "18446744073709551615"),
    ])
  func noIDs(dtype: String, byteCount: Int, value: String) throws {
    let bytes =
      [UInt8](repeating: 0, count: byteCount) + [UInt8](repeating: 0xFF, count: byteCount)
    try write(bytes, dtype, count: 2, to: "t.safetensors")
    expectFault(["t.safetensors"], "element 1 is \(value)", "tensor 'ids'")
  }

  // MARK: Texts

  @Test("a text without line feeds may be longer than a line")
  func longText() throws {
    let text =
      String(repeating: "é", count: 3 << 19) + "\n" + String(repeating: "漢", count: 700_000)
    try folder.write(Array(text.utf8), to: "t.txt")
    let corpus = try read(["t.txt"], memory: 1 << 20).corpus
    #expect(corpus.documentCount == 1)
    #expect(try corpus.bytes(0..<corpus.unitCount) == Array(text.utf8))
    expectFault(["t.txt"], text: .lines, memory: 1 << 20, "line 1 has more than 1,048,576 bytes")
  }

  @Test(
    "invalid UTF-8 is a fault at its byte", arguments: [0, 5, 1 << 20, (1 << 20) + 1, 1_500_000])
  func invalid(place: Int) throws {
    var bytes = Array("a".utf8) + Array(String(repeating: "é", count: 1_000_000).utf8)
    bytes[place] = 0xFF
    try folder.write(bytes, to: "t.txt")
    // The first byte that does not belong to a character may be the one before.
    let places = Set([place, place - 1].filter { $0 >= 0 })
    #expect {
      try read(["t.txt"])
    } throws: {
      ($0 as? FormatError)?.byteOffset.map(places.contains) == true
    }
  }

  @Test("a character that is cut at the end of a text is a fault")
  func cutCharacter() throws {
    try folder.write(Array("ab".utf8) + [0xE2, 0x82], to: "t.txt")
    expectFault(["t.txt"], "byte 2", "UTF-8")
  }

  @Test("an id that is too long is a fault")
  func longID() throws {
    let id = String(repeating: "x", count: 2_000)
    try folder.write(Array(#"{"id":"\#(id)","text":"a"}"#.utf8), to: "t.jsonl")
    expectFault(["t.jsonl"], "line 1", "2,000 bytes")
  }

  // MARK: Bounds

  @Test("more documents than memory allows are refused while they are read")
  func documents() throws {
    try folder.write(Array(String(repeating: "a\n", count: 40_000).utf8), to: "t.txt")
    expectFault(["t.txt"], text: .lines, memory: 16 << 20, "memory", "16,384 documents")
  }

  @Test("a stop is noticed while inputs are read and while they are scanned")
  func interruption() throws {
    try folder.write(Array("a text".utf8), to: "t.txt")
    let cancellation = Cancellation()
    let reader = DataReader(
      DataSettings(paths: [folder["t.txt"]]), temporaryFolder: folder.path, memory: 1 << 31,
      cancellation: cancellation, note: { _ in })
    let corpus = try reader.corpus()
    cancellation.request(.interrupted)
    #expect(throws: InterruptedError.self) { try reader.corpus() }
    #expect(throws: InterruptedError.self) { try corpus.bytes(0..<1) }
    #expect(throws: InterruptedError.self) {
      try RepeatScan(
        corpus, ScanSettings(), memory: 1 << 31, temporaryFolder: folder.path,
        parallel: Parallel(jobs: 1, cancellation: cancellation))
    }
  }
}
