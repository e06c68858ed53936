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
  case text, json, jsonl, csv, markdown
}

/// Rendering of the reports on several inputs.
package enum Reports {
  /// Renders JSON as one list, and CSV as one table; the other formats concatenate the reports.
  package static func rendered(
    _ reports: [any Report], as format: ReportFormat, width: Int?
  ) -> String {
    switch format {
    case .json:
      return JSONValue.array(reports.map { $0.document }).serialized(indented: true) + "\n"
    case .csv:
      // All rows share one header line.
      let tables = reports.map { $0.records }
      let columns = (tables.first { !$0.rows.isEmpty } ?? tables.first)?.columns ?? []
      return Table(columns, rows: tables.flatMap(\.rows)).csv
    case .jsonl: return reports.map { $0.rendered(as: format, width: width) }.joined()
    case .text, .markdown:
      return reports.map { $0.rendered(as: format, width: width) }.joined(separator: "\n")
    }
  }
}

extension Report {
  /// Renders the report in `format`; lines of text are limited to `width` where names can be shortened.
  package func rendered(as format: ReportFormat, width: Int?) -> String {
    switch format {
    case .text: joined { $0.text(width: width) }
    case .markdown: joined(\.markdown)
    case .csv: records.csv
    case .json: document.serialized(indented: true) + "\n"
    case .jsonl: lines.map { $0.serialized() + "\n" }.joined()
    }
  }

  /// Joins the sections with an empty line between them, except between two lines.
  private func joined(_ text: (Section) -> String) -> String {
    var result = ""
    var last: Section?
    for section in sections {
      if let last, !(last.isLine && section.isLine) { result += "\n" }
      result += text(section)
      last = section
    }
    return result
  }

  /// The JSON document.
  package var document: JSONValue {
    var object: JSONObject = ["schema": .string(Self.schema)]
    for (key, value) in members { object[key] = value }
    return .object(object)
  }
}

extension Section {
  var isLine: Bool { if case .line = self { true } else { false } }

  func text(width: Int?) -> String {
    switch self {
    case .line(let line): return line + "\n"
    case .table(let table): return table.text(width: width)
    case .facts(let facts):
      let longest = facts.map(\.label.count).max() ?? 0
      return facts.map { fact in
        let space = String(repeating: " ", count: longest - fact.label.count + 2)
        let indent = String(repeating: " ", count: longest + 2)
        let lines = fact.value.wrapped(to: width.map { max(20, $0 - longest - 2) })
        return fact.label + space + lines.joined(separator: "\n" + indent) + "\n"
      }.joined()
    }
  }

  var markdown: String {
    switch self {
    case .line(let line): line + "\n"
    case .facts(let facts): facts.map { "- \($0.label): \($0.value)\n" }.joined()
    case .table(let table): table.markdown
    }
  }
}

extension String {
  /// Breaks the text into lines of up to `width` characters at spaces.
  fileprivate func wrapped(to width: Int?) -> [String] {
    guard let width, count > width else { return [self] }
    var lines: [String] = []
    var line = ""
    for word in split(separator: " ", omittingEmptySubsequences: false) {
      if line.isEmpty {
        line = String(word)
      } else if line.count + 1 + word.count <= width {
        line += " " + word
      } else {
        lines.append(line)
        line = String(word)
      }
    }
    return lines + [line]
  }
}
