import Foundation
import TestSupport
import Testing

/// Tests of the scripts that check the sources.
@Suite struct LintTests {
  private static let script =
    URL(fileURLWithPath: Fixtures.path).deletingLastPathComponent().path
    + "/Scripts/lint-conversions"

  /// Returns the status and output of the lint on a file with this content.
  private static func run(_ source: String) throws -> CommandRun {
    let folder = try TemporaryFolder()
    try folder.write(Array(source.utf8), to: "Source.swift")
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return try CommandRun.sumac([folder.path], environment: ["PATH": path], program: script)
  }

  @Test(
    "a conversion that traps on large numbers is found",
    arguments: [
      "let a = Int((b * 2).rounded())",
      "let a = UInt8(Double(b) / 3)",
      "func f(_ x: Double) -> Int { Int(x) }",
      "func f(x: Float) {\n  let y = x * 2\n  print(Int(y))\n}",
      "func f() {\n  let y =\n    x > 0\n    ? 1.5 : 2.5\n  print(Int32(y))\n}",
      "struct S {\n  var share: Double\n  func f(_ s: S) -> Int { min(3, Int(s.share)) }\n}",
      "extension Double {\n  var whole: Int { Int(self) }\n}",
      "func number(_ key: String) -> Double? { nil }\nlet a = number(\"b\")!\nlet c = Int(a)",
      "let a = Int(b.rounded())  // fits",
    ])
  func found(source: String) throws {
    let run = try Self.run(source)
    #expect(run.status == 1 && run.output.contains("Source.swift:"), "\(source): \(run.output)")
  }

  @Test(
    "other conversions are not found",
    arguments: [
      "let a = Int(exactly: b.rounded())",
      "let a = Int(b.rounded())  // fits: b is from 0 to 1",
      "let a = Int(count)",
      "let a = Int(Double(b).bitPattern)",
      "let a = Int(text) ?? 0",
      "// Int(1.5)\nlet a = \"Int(1.5)\"",
      "func f(x: Double) {}\nfunc g(x: UInt8) -> Int { Int(x) }",
      "let a = Int(index(of: 1.5))",
    ])
  func notFound(source: String) throws {
    let run = try Self.run(source)
    #expect(run.status == 0 && run.output.isEmpty, "\(source): \(run.output)\(run.messages)")
  }
}
