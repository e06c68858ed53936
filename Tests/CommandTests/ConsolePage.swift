import Foundation

/// A page of the documentation and the commands that it shows.
///
/// A block fenced as `console` contains commands, lines that start with `$ `, each followed by its
/// output. A block fenced as `sh` is a script whose output is not shown. A comment on the line before
/// a block is invisible in the rendered page:
///
/// - `<!-- not run: REASON -->`: the block is not run.
/// - `<!-- varies -->`: numbers differ between machines; only the text around them is compared.
/// - `<!-- file: NAME -->`: the block, of any language, is the content of this file.
/// - `<!-- prepare: COMMAND -->`: runs before the block.
struct ConsolePage {
  enum Content: Equatable {
    /// A command and the lines of the page that show its output.
    case command(String, shown: Range<Int>, varies: Bool)
    /// Commands that must succeed.
    case script(String)
    case file(name: String, content: String)
  }

  struct Step: Equatable {
    /// The line of the command in the page, from 1.
    var line: Int
    var content: Content
  }

  private(set) var lines: [String]
  private(set) var steps: [Step] = []
  private(set) var blockCount = 0
  /// The reasons of the blocks that are not run.
  private(set) var reasons: [String] = []
  /// The lines that look like commands in blocks that are neither run nor marked.
  private(set) var strays: [Int] = []

  init(_ text: String) {
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var index = 0
    while index < lines.count {
      guard let language = Self.language(lines[index]) else {
        index += 1
        continue
      }
      let start = index + 1
      let end = lines[start...].firstIndex { $0.hasPrefix("```") } ?? lines.count
      addBlock(language, start..<end, mark: index > 0 ? Mark(lines[index - 1]) : nil)
      index = end + 1
    }
  }

  private static func language(_ line: String) -> String? {
    line.hasPrefix("```") ? String(line.dropFirst(3)) : nil
  }

  private enum Mark: Equatable {
    case notRun(String)
    case varies
    case file(String)
    case prepare(String)

    init?(_ line: String) {
      guard let match = line.wholeMatch(of: /<!-- ([a-z ]+)(: (.+))? -->/) else { return nil }
      switch (match.1, match.3.map(String.init)) {
      case ("not run", let reason?): self = .notRun(reason)
      case ("varies", nil): self = .varies
      case ("file", let name?): self = .file(name)
      case ("prepare", let command?): self = .prepare(command)
      default: return nil
      }
    }
  }

  private mutating func addBlock(_ language: String, _ range: Range<Int>, mark: Mark?) {
    switch mark {
    case .notRun(let reason)?: return reasons.append(reason)
    case .file(let name)?:
      let content = lines[range].map { $0 + "\n" }.joined()
      return steps.append(
        Step(line: range.lowerBound, content: .file(name: name, content: content)))
    case .prepare(let command)?:
      steps.append(Step(line: range.lowerBound - 1, content: .script(command)))
    case .varies?, nil: break
    }
    switch language {
    case "console":
      blockCount += 1
      addCommands(range, varies: mark == .varies)
    case "sh":
      blockCount += 1
      let script = lines[range].joined(separator: "\n")
      steps.append(Step(line: range.lowerBound + 1, content: .script(script)))
    default: strays += range.filter { lines[$0].hasPrefix("$ ") }.map { $0 + 1 }
    }
  }

  private mutating func addCommands(_ range: Range<Int>, varies: Bool) {
    var index = range.lowerBound
    while index < range.upperBound {
      guard lines[index].hasPrefix("$ ") else {
        strays.append(index + 1)
        index += 1
        continue
      }
      let first = index
      var text = String(lines[index].dropFirst(2))
      index += 1
      while text.hasSuffix("\\"), index < range.upperBound {
        text += "\n" + lines[index]
        index += 1
      }
      let end = lines[index..<range.upperBound].firstIndex { $0.hasPrefix("$ ") }
      let shown = index..<(end ?? range.upperBound)
      steps.append(Step(line: first + 1, content: .command(text, shown: shown, varies: varies)))
      index = shown.upperBound
    }
  }

  /// Returns the page with the shown output of some commands replaced.
  func replacing(_ replacements: [(shown: Range<Int>, lines: [String])]) -> String {
    var changed = lines
    for (shown, other) in replacements.sorted(by: { $0.shown.lowerBound > $1.shown.lowerBound }) {
      changed.replaceSubrange(shown, with: other)
    }
    return changed.joined(separator: "\n")
  }
}
