import Foundation
import Packing
import TestSupport
import Testing

/// Tests that compare the output of commands with the files in `Cases`.
///
/// `NAME.case` contains command lines, then the output of the last one as `--- terminal`, or as `--- stdout`
/// and `--- stderr`, and `--- exit N`. With SUMAC_REGENERATE=1 the files are rewritten from the actual output.
@Suite struct SnapshotTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Cases").path
  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasSuffix(".case") }.sorted()
  static let isRegenerating = ProcessInfo.processInfo.environment["SUMAC_REGENERATE"] == "1"

  @Test("cases are found") func present() { #expect(Self.names.count >= 20) }

  @Test("a command prints the text of its case", arguments: names)
  func snapshot(name: String) throws {
    let path = Self.folder + "/" + name
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let commands = Array(lines.prefix { $0.hasPrefix("$ ") })
    let inTerminal = lines.contains("--- terminal")
    let workspace = try Workspace()
    var seen = ""
    for (index, command) in commands.enumerated() {
      let arguments = command.dropFirst(2).split(separator: " ").map(String.init)
      let isLast = index == commands.count - 1
      if isLast, inTerminal {
        let run = try TerminalRun.sumac(
          Array(arguments.dropFirst()), in: workspace.folder.path, columns: 80)
        seen = "--- terminal\n\(run.screen)--- exit \(run.status)\n"
      } else {
        let run = try CommandRun.sumac(Array(arguments.dropFirst()), in: workspace.folder.path)
        if isLast {
          seen = "--- stdout\n\(run.output)--- stderr\n\(run.messages)--- exit \(run.status)\n"
        } else {
          #expect(run.status == 0, "\(command): \(run.messages)")
        }
      }
    }
    let found = commands.map { $0 + "\n" }.joined() + Self.normalized(seen)
    if Self.isRegenerating {
      try found.write(toFile: path, atomically: true, encoding: .utf8)
    } else {
      #expect(found == text)
    }
  }

  /// Returns the text without what differs between machines: the version of zstd, hashes that depend on it,
  /// and the memory of the program.
  static func normalized(_ text: String) -> String {
    text.replacing(/zstd \d+\.\d+\.\d+/, with: "zstd N.N.N")
      .replacing(/"zstd": "[\d.]+"/, with: "\"zstd\": \"N.N.N\"")
      .replacing(/sha256:[0-9a-f]+/, with: "sha256:N")
      .replacing(/content:[0-9a-f]+/, with: "content:N")
      .replacing(
        /peak memory  [^\n]+ workers?/, with: "peak memory  N with N workers"
      )
      .replacing(
        /peak resident memory \d+ bytes, \d+ planned, \d+ workers/,
        with: "peak resident memory N bytes, N planned, N workers")
  }

  @Test("output in a terminal of 80 columns is never wider")
  func width() throws {
    var count = 0
    for name in Self.names {
      let text = try String(contentsOfFile: Self.folder + "/" + name, encoding: .utf8)
      // Messages are exempt, since a terminal wraps them.
      guard let start = text.range(of: "--- terminal\n") else { continue }
      count += 1
      for line in text[start.upperBound...].split(separator: "\n") where !line.contains("sumac:") {
        let shown = line.replacing(/\u{1B}\[[0-9;]*m/, with: "")
        #expect(shown.count <= 80, "\(name): \(line)")
      }
    }
    #expect(count >= 5)
  }
}

/// A folder with links to the fixtures, so that output does not contain paths of this machine.
struct Workspace {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for (name, target) in [
      ("base", "models/base"), ("poetry", "models/poetry"), ("tech", "models/tech"),
      ("clex", "models/clex"), ("lora", "lora"), ("merge", "merge"), ("inputs", "merge/inputs"),
      ("valid", "safetensors/valid"), ("caches", "caches"),
      ("prompt.safetensors", "caches/prompt.safetensors"),
      ("tokens.safetensors", "models/text/tokens.safetensors"),
      ("malformed", "safetensors/malformed"), ("training", "training"),
      ("repeats", "repeats"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: folder[name], withDestinationPath: Fixtures.path(target))
    }
  }
}
