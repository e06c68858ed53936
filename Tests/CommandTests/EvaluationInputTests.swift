import Foundation
import TestSupport
import Testing

/// Tests of unusual and wrong inputs of `eval` and `calibrate` with the built program.
@Suite struct EvaluationInputTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try Workspace().folder
    try folder.write([], to: "empty.txt")
    try folder.write(Array("a".utf8), to: "short.txt")
    try folder.write(
      Array(String(repeating: "Once upon a time there was a king. ", count: 40).utf8),
      to: "text.txt"
    )
    try folder.write([1, 0, 0x60, 0xEA, 2, 0], to: "ids.u16")
    try folder.write([1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF], to: "negative.i32")
  }

  private func run(_ line: String) throws -> CommandRun {
    try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
  }

  @Test(
    "data that cannot be evaluated are errors that name the file",
    arguments: [
      ("empty.txt", 64, "empty.txt has 0 tokens"), ("ids.u16", 64, "is 60000"),
      ("negative.i32", 3, "negative.i32: byte 4: id -2"), ("nowhere.txt", 4, "nowhere.txt"),
      ("base", 4, "base: cannot read"), ("-", 64, "are not read from standard input"),
    ])
  func data(name: String, status: Int32, message: String) throws {
    for verb in ["eval base", "calibrate base -o stats.safetensors"] {
      let run = try run("\(verb) --data \(name)")
      #expect(run.status == status && run.messages.contains(message), "\(run.messages)")
    }
  }

  @Test("a window that is longer than the text needs no more time and memory than the text")
  func window() throws {
    let largest = try run("eval base --data text.txt --window 9223372036854775807 --json")
    let enough = try run("eval base --data text.txt --window 512 --json")
    #expect(largest.status == 0 && largest.output == enough.output, "\(largest.messages)")
    let plan = try run(
      "calibrate base --data text.txt --window 9223372036854775807 -o s.safetensors --dry-run")
    #expect(plan.status == 0, "\(plan.messages)")
  }

  @Test("a single token has a perplexity without an error")
  func oneToken() throws {
    let run = try run("eval base --data short.txt")
    #expect(run.status == 0 && run.output.contains("perplexity"), "\(run.messages)")
    #expect(!run.output.contains("nan") && !run.output.contains("±"))
  }
}
