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
