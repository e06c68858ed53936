package import Base

/// A result of a command as a value that does not depend on a terminal.
package protocol Report: Sendable {
  /// The name and version of the JSON document, such as `sumac.inspect/1`.
  static var schema: String { get }
  /// The parts of the text for people, in order.
  var sections: [Section] { get }
  /// The rows of `--format csv`, with full names and plain numbers.
  var records: Table { get }
  /// The members of the JSON document after `schema`.
  var members: JSONObject { get }
  /// The objects of `--format jsonl`, one per line.
  var lines: [JSONValue] { get }
  /// The same as `lines`; a report with a line for each tensor makes them when they are written.
  var lazyLines: LazyRows<JSONValue> { get }
  /// The key of the member that contains `lazyLines`, and is empty in `members`; nil if `members` has everything.
  var lineKey: String? { get }
}

extension Report {
  package var lazyLines: LazyRows<JSONValue> { LazyRows(lines) }
  package var lineKey: String? { nil }
}

/// A part of a report's text.
package enum Section: Equatable, Sendable {
  /// A line of its own.
  case line(String)
  /// Labels with their values.
  case facts([Fact])
  case table(Table)

  /// A label with its value.
  package struct Fact: Equatable, Sendable {
    package var label: String
    package var value: String

    package init(_ label: String, _ value: String) {
      self.label = label
      self.value = value
    }
  }
}

/// The output format of a report.
package enum ReportFormat: String, CaseIterable, Sendable {
  case text, json, jsonl, csv, markdown, html

  /// True if programs read the format, so that failures are part of it.
  package var isForPrograms: Bool {
    switch self {
    case .json, .jsonl, .csv: true
    case .text, .markdown, .html: false
    }
  }

  /// The suffixes of file names that choose the format, without the dot.
  package var suffixes: [String] {
    switch self {
    case .text: ["txt"]
    case .json: ["json"]
    case .jsonl: ["jsonl"]
    case .csv: ["csv"]
    case .markdown: ["md", "markdown"]
    case .html: ["html"]
    }
  }
}

extension Section {
  var isLine: Bool { if case .line = self { true } else { false } }

  func write(style: TextStyle, to write: (String) throws -> Void) rethrows {
    switch self {
    case .line(let line): try write(line.withoutControls + "\n")
    case .table(let table): try table.write(style: style, to: write)
    case .facts(let facts):
      let longest = facts.map(\.label.columnCount).max() ?? 0
      for fact in facts {
        let label = fact.label.withoutControls
        let space = String(repeating: " ", count: max(0, longest - label.columnCount) + 2)
        let indent = String(repeating: " ", count: longest + 2)
        let lines = fact.value.withoutControls.wrapped(
          to: style.width.map { max(20, $0 - longest - 2) })
        try write(label + space + lines.joined(separator: "\n" + indent) + "\n")
      }
    }
  }

  func writeMarkdown(to write: (String) throws -> Void) rethrows {
    switch self {
    case .line(let line): try write(line.withoutControls + "\n")
    case .facts(let facts):
      for fact in facts { try write("- \(fact.label): \(fact.value)".withoutControls + "\n") }
    case .table(let table): try table.writeMarkdown(to: write)
    }
  }
}

extension String {
  /// Breaks the text into lines of up to `width` columns at spaces.
  fileprivate func wrapped(to width: Int?) -> [String] {
    guard let width, columnCount > width else { return [self] }
    var lines: [String] = []
    var line = ""
    for word in split(separator: " ", omittingEmptySubsequences: false) {
      if line.isEmpty {
        line = String(word)
      } else if line.columnCount + 1 + word.columnCount <= width {
        line += " " + word
      } else {
        lines.append(line)
        line = String(word)
      }
    }
    return lines + [line]
  }
}
