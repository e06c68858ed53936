import Foundation
import TestSupport
import Testing

/// Tests of `repeats scan` with the built program: memory, signals, and files that are not replaced.
@Suite struct RepeatsScanTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func scan(_ arguments: String...) throws -> CommandRun {
    try CommandRun.sumac(["repeats", "scan"] + arguments, in: folder.path)
  }

  /// Scans a file with two workers in 64 MiB, and returns the report as JSON.
  private func scanInLittleMemory(_ name: String) throws -> String {
    let run = try ManyTensorsTests.measured(
      ["repeats", "scan", name, "--memory", "64MiB", "-j", "2", "-o", "report.json"], in: folder)
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.peak < 64 << 20)
    return String(decoding: try folder.bytes("report.json"), as: UTF8.self)
  }

  /// Writes groups of documents that differ in one word each.
  private func writeSimilar(groups: Int, size: Int, to name: String) throws {
    var random = SeededGenerator(seed: 11)
    var text = ""
    for _ in 0..<groups {
      let words = (0..<40).map { _ in "w\(UInt16.random(in: 0..<3_000, using: &random))" }
      for number in 0..<size {
        var other = words
        other[number % 40] = "x\(number)"
        text += #"{"text":"\#(other.joined(separator: " "))"}"# + "\n"
      }
    }
    try folder.write(Array(text.utf8), to: name)
  }

  @Test("memory holds for many pairs of similar documents", .timeLimit(.minutes(5)))
  func pairs() throws {
    try writeSimilar(groups: 60, size: 200, to: "near.jsonl")
    let report = try scanInLittleMemory("near.jsonl")
    #expect(report.contains("\"pairs\":"))
  }

  @Test(
    "a word or a line without end is scanned within little memory", .timeLimit(.minutes(5)),
    arguments: [
      "spam", "a line that is repeated without end, again and again and again, for ever\n",
    ])
  func endless(word: String) throws {
    let text = String(repeating: word, count: 12_000_000 / word.utf8.count)
    try folder.write(Array(text.utf8), to: "text.txt")
    let report = try scanInLittleMemory("text.txt")
    let starts = report.firstMatch(of: /"starts":\s*(\d+)/).flatMap { Int($0.1) }
    #expect(starts == text.utf8.count - 99)
  }

  @Test("too many documents or entries for the memory are refused")
  func refused() throws {
    try folder.write(Array(String(repeating: "a\n", count: 400_000).utf8), to: "many.txt")
    for arguments in [["--documents", "lines"], ["--limit", "1000000000"]] {
      let run = try CommandRun.sumac(
        ["repeats", "scan", "many.txt", "--memory", "64MiB"] + arguments, in: folder.path)
      #expect(run.status == 64 && run.messages.contains("too little"), "\(run.messages)")
      #expect(run.messages.contains("hint: pass --memory"), "\(run.messages)")
    }
  }

  @Test("standard input is read like a file: JSON lines, texts, ids, and tables of losses")
  func standardInput() throws {
    func run(_ line: String, _ input: String) throws -> CommandRun {
      let run = try CommandRun.sumac(
        line.split(separator: " ").map(String.init), in: folder.path, input: input)
      #expect(run.status == 0, "\(line): \(run.messages)")
      return run
    }
    let verses = Fixtures.path("repeats/verses.jsonl.gz")
    #expect(try run("repeats scan -", verses).output == scan(verses).output)
    _ = try run("repeats dedup - --by near -o a.jsonl", verses)
    _ = try run("repeats dedup \(verses) --by near -o b.jsonl", "/dev/null")
    #expect(try folder.bytes("a.jsonl") == folder.bytes("b.jsonl"))
    try folder.write(Array(String(repeating: "no brace here ", count: 40).utf8), to: "t.txt")
    func firstLine(_ run: CommandRun) -> Substring? { run.output.split(separator: "\n").first }
    let text = try firstLine(run("repeats scan -", folder["t.txt"]))
    #expect(try text?.contains("1 with 120 words") == true && text == firstLine(scan("t.txt")))
    let ids = (0..<400).flatMap { [UInt8($0 % 97), UInt8($0 / 97)] }
    try folder.write(ids, to: "i.u16")
    let tokens = try firstLine(run("repeats scan - --ids u16", folder["i.u16"]))
    #expect(try tokens?.contains("1 with 400 tokens") == true && tokens == firstLine(scan("i.u16")))
    let table = "parameters,loss\n1e6,4\n1e7,3.5\n1e8,3.1\n1e9,2.8\n1e10,2.6\n"
    try folder.write(Array(table.utf8), to: "l.csv")
    let fit = try run("repeats fit -", folder["l.csv"]).output
    let named = try run("repeats fit l.csv", "/dev/null").output
    #expect(fit == named.replacing("l.csv", with: "standard input"))
  }

  @Test("a signal ends a scan cleanly", arguments: [SIGINT, SIGTERM])
  func signals(signal: Int32) throws {
    try writeSimilar(groups: 150, size: 200, to: "near.jsonl")
    let process = CommandRun.process(
      ["repeats", "scan", "near.jsonl", "-o", "report.json", "--tmpdir", folder.path],
      in: folder.path)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    // The signal is handled from the start of the operation on.
    Thread.sleep(forTimeInterval: 1)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 128 + signal)
    #expect(try folder.names() == ["near.jsonl"])
  }

  @Test("a report does not replace the file of a tensor that is scanned")
  func inputs() throws {
    let header = #"{"ids":{"dtype":"U16","shape":[2],"data_offsets":[0,4]}}"#
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    try folder.write(length + Array(header.utf8) + [1, 0, 2, 0], to: "ids.safetensors")
    let bytes = try folder.bytes("ids.safetensors")
    let run = try scan(
      "ids.safetensors:ids", "-o", "ids.safetensors", "-f", "--format", "json")
    #expect(run.status == 64 && run.messages.contains("is a file of the input"), "\(run.messages)")
    #expect(try folder.bytes("ids.safetensors") == bytes)
  }
}
