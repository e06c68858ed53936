import Foundation
import Testing

/// Tests that run the commands in README.md and docs and compare their output with the pages.
///
/// With SUMAC_REGENERATE=1 the pages are rewritten from the actual output.
@Suite struct DocumentationTests {
  static let names: [String] = {
    let root = ConsoleSession.root.path
    let files = FileManager.default.enumerator(atPath: root + "/docs")?.compactMap { $0 as? String }
    return ["README.md"]
      + (files ?? []).filter { $0.hasSuffix(".md") }.map { "docs/" + $0 }.sorted()
  }()

  static func page(_ name: String) throws -> ConsolePage {
    let url = ConsoleSession.root.appendingPathComponent(name)
    return ConsolePage(try String(contentsOf: url, encoding: .utf8))
  }

  /// Returns the steps to run before those of the page.
  ///
  /// Pages whose examples start at the top of the clone say so; all others start in the folder that the first
  /// command of docs/index.md creates.
  static func preparation(for page: ConsolePage) throws -> [ConsolePage.Content] {
    guard !page.lines.contains(where: { $0.contains("the top of the clone") }) else { return [] }
    return [try #require(try Self.page("docs/index.md").steps.first?.content)]
  }

  @Test("the output that a page shows is that of its commands", arguments: names)
  func page(name: String) throws {
    let page = try Self.page(name)
    let preparation = try Self.preparation(for: page)
    let session = try ConsoleSession()
    let results = try session.run(preparation + page.steps.map(\.content))
    try #require(results.count == preparation.count + page.steps.count, "the shell ended early")
    for result in results.prefix(preparation.count) { try #require(result.status == 0) }
    var replacements: [(shown: Range<Int>, lines: [String])] = []
    for (step, result) in zip(page.steps, results.dropFirst(preparation.count)) {
      guard case .command(let command, let shown, let varies) = step.content else {
        let output = result.lines.joined(separator: "\n")
        #expect(result.status == 0, "\(name):\(step.line): \(output)")
        continue
      }
      let text = ShownText(lines: Array(page.lines[shown]), varies: varies)
      if text.matches(result.lines) { continue }
      if SnapshotTests.isRegenerating {
        replacements.append((shown, text.updated(from: result.lines)))
      } else {
        let output = result.lines.joined(separator: "\n")
        Issue.record("\(name):\(step.line): `\(command)` prints\n\(output)")
      }
    }
    guard SnapshotTests.isRegenerating, !replacements.isEmpty else { return }
    let url = ConsoleSession.root.appendingPathComponent(name)
    try page.replacing(replacements).write(to: url, atomically: true, encoding: .utf8)
  }

  @Test("nearly all blocks of commands are run")
  func counts() throws {
    let pages = try Self.names.map { try Self.page($0) }
    #expect(pages.reduce(0) { $0 + $1.blockCount } >= 100)
    var skippedCount = 0
    for (name, page) in zip(Self.names, pages) {
      // A reproduction runs for a long time: a command for its own models, and one for models of the user.
      if name.contains("reproductions/") {
        #expect(page.reasons.count <= 2, "\(name)")
      } else {
        skippedCount += page.reasons.count
      }
    }
    #expect(skippedCount <= 10)
    let commands = pages.flatMap(\.steps).count { step in
      if case .command = step.content { true } else { false }
    }
    #expect(commands >= 150)
  }

  @Test(
    "every command in a page is run or has a reason why not", arguments: names)
  func strays(name: String) throws {
    #expect(try Self.page(name).strays == [])
  }
}

/// Tests of the parser and runner of pages.
@Suite struct ConsolePageTests {
  @Test("a page is parsed into commands, scripts, files and marks")
  func steps() {
    let page = ConsolePage(
      """
      Text.

      ```console
      $ one
      1
      $ two \\
        more
      ```
      <!-- not run: it needs a network -->
      ```sh
      three
      ```
      <!-- file: a.yaml -->
      ```yaml
      a: 1
      ```
      <!-- prepare: touch b -->
      ```sh
      four
      five
      ```
      <!-- varies -->
      ```console
      $ six
      ```
      ```text
      $ seven
      ```
      """)
    #expect(
      page.steps == [
        .init(line: 4, content: .command("one", shown: 4..<5, varies: false)),
        .init(line: 6, content: .command("two \\\n  more", shown: 7..<7, varies: false)),
        .init(line: 14, content: .file(name: "a.yaml", content: "a: 1\n")),
        .init(line: 17, content: .script("touch b")),
        .init(line: 19, content: .script("four\nfive")),
        .init(line: 24, content: .command("six", shown: 24..<24, varies: true)),
      ])
    #expect(page.reasons == ["it needs a network"])
    #expect(page.blockCount == 3)
    #expect(page.strays == [27])
    #expect(page.replacing([(4..<5, ["2", "3"])]).contains("$ one\n2\n3\n$ two"))
  }

  @Test(
    "the line … matches any number of lines, and all others are compared",
    arguments: [
      ("a b", "a b", true), ("a b", "a c", false), ("a", "a b", false), ("a b", "a", false),
      ("… b", "a b", true), ("… b", "a c", false), ("a …", "a b c", true), ("a …", "b c", false),
      ("… b …", "a b c", true), ("… b …", "a c", false), ("a … a", "a", false), ("…", "", true),
      ("… b … b …", "a b c", false), ("", "", true), ("", "a", false),
    ])
  func matching(shown: String, seen: String, expected: Bool) {
    let text = ShownText(lines: shown.split(separator: " ").map(String.init))
    #expect(text.matches(seen.split(separator: " ").map(String.init)) == expected)
  }

  @Test("numbers are compared unless the page marks them as varying")
  func numbers() {
    #expect(!ShownText(lines: ["copy  1.5 GB/s"]).matches(["copy  12 GB/s"]))
    #expect(ShownText(lines: ["copy  1.5 GB/s"], varies: true).matches(["copy   12 GB/s"]))
    #expect(!ShownText(lines: ["copy  1.5 GB/s"], varies: true).matches(["cast  12 GB/s"]))
    #expect(ShownText(lines: ["id sha256:01 (zstd 1.5.4)"]).matches(["id sha256:ff (zstd 1.6.0)"]))
  }

  @Test("rewritten text omits the lines that were omitted before")
  func updating() {
    let text = ShownText(lines: ["size 1", "…", "b 2", "…"])
    #expect(text.updated(from: ["size 3", "a 1", "b 4", "c 5"]) == ["size 3", "…", "b 4", "…"])
    #expect(
      text.updated(from: ["new", "size 3", "b 4", "c 5"]) == ["new", "size 3", "…", "b 4", "…"])
    #expect(text.updated(from: ["other", "b 4"]) == ["other", "b 4"])
    #expect(ShownText(lines: ["…", "b 2"]).updated(from: ["a", "b 3"]) == ["…", "b 3"])
    #expect(ShownText(lines: []).updated(from: ["a"]) == ["a"])
  }

  @Test("a session keeps its folder, and each step gets the status of the previous one")
  func session() throws {
    let results = try ConsoleSession().run([
      .command("mkdir new && cd new && false", shown: 0..<0, varies: false),
      .command("echo $?; basename \"$PWD\"", shown: 0..<0, varies: false),
      .file(name: "a", content: "$x\n"), .script("cat a\nfalse\necho never"),
    ])
    #expect(results.map(\.lines) == [[], ["1", "new"], [], ["$x"]])
    #expect(results.map(\.status) == [1, 0, 0, 1])
  }
}
