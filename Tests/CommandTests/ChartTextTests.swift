import Foundation
import TestSupport
import Testing

/// Colors and characters of charts in the output of the program.
@Suite struct ChartTextTests {
  private static let escape: Character = "\u{1B}"

  /// Returns a folder with a packed model that has errors and zeros, and the arguments of a command with charts.
  private static func workspace() throws -> Workspace {
    let workspace = try Workspace()
    let run = try CommandRun.sumac(
      ["convert", "base", "-o", "m.sumac", "--tensor-type", "*.mlp.*=int4", "-q"],
      in: workspace.folder.path)
    #expect(run.status == 0, "\(run.messages)")
    return workspace
  }

  private static let charts = ["inspect", "m.sumac", "--by-layer", "--progress", "none"]

  @Test(
    "charts have ASCII characters in a locale without UTF-8",
    arguments: [["LC_ALL": "C"], ["LC_ALL": "", "LANG": "de_DE.ISO-8859-1"], ["LC_ALL": ""]])
  func ascii(environment: [String: String]) throws {
    let workspace = try Self.workspace()
    let run = try CommandRun.sumac(
      Self.charts, in: workspace.folder.path, environment: environment)
    #expect(run.status == 0 && run.output.utf8.allSatisfy { $0 < 0x80 })
    let utf8 = try CommandRun.sumac(Self.charts, in: workspace.folder.path)
    #expect(utf8.output.contains("█") && !utf8.output.contains("#"))
    // The same lines, of the same lengths.
    let lengths = [run, utf8].map { $0.output.split(separator: "\n").map(\.count) }
    #expect(lengths[0] == lengths[1])
  }

  @Test("charts have colors where they are asked for, and never in formats for programs")
  func color() throws {
    let workspace = try Self.workspace()
    func output(_ options: [String]) throws -> String {
      try CommandRun.sumac(Self.charts + options, in: workspace.folder.path).output
    }
    let plain = try output([])
    let colored = try output(["--color", "always"])
    #expect(!plain.contains(Self.escape) && colored.contains(Self.escape))
    #expect(colored.replacing(/\u{1B}\[[0-9;]*m/, with: "") == plain)
    for format in ["json", "jsonl", "csv", "markdown", "html"] {
      let text = try output(["--color", "always", "--format", format])
      #expect(!text.isEmpty && !text.contains(Self.escape), "\(format)")
    }
  }

  @Test(
    "NO_COLOR and a simple terminal keep colors away",
    arguments: [
      ([:], true), (["NO_COLOR": "1"], false), (["NO_COLOR": ""], true), (["TERM": "dumb"], false),
    ] as [([String: String], Bool)])
  func terminal(environment: [String: String], isColored: Bool) throws {
    let workspace = try Self.workspace()
    let run = try TerminalRun.sumac(
      Self.charts, in: workspace.folder.path, columns: 80, environment: environment)
    #expect(run.status == 0 && run.screen.contains("█"))
    #expect(run.screen.contains(Self.escape) == isColored)
  }
}
