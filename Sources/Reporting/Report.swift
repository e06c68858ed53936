package import TensorCore

/// A result that a command prints, as a value that knows no terminal.
package protocol Report {
  /// Name and version of the JSON document, such as `sumac.inspect/1`.
  static var schema: String { get }
  /// What a person reads, in order.
  var sections: [Section] { get }
  /// The rows of `--format csv`: full names and plain numbers.
  var records: Table { get }
  /// The members of the JSON document behind `schema`.
  var members: JSONObject { get }
  /// The objects of `--format jsonl`, one a line.
  var lines: [JSONValue] { get }
}

/// A part of a report for people.
package enum Section: Equatable, Sendable {
  /// A line of its own.
  case line(String)
  /// Labels and what they stand for.
  case facts([Fact])
  case table(Table)

  package struct Fact: Equatable, Sendable {
    package var label: String
    package var value: String

    package init(_ label: String, _ value: String) {
      self.label = label
      self.value = value
    }
  }
}

package enum ReportFormat: String, CaseIterable, Sendable {
  case text, json, jsonl, csv, markdown
}

extension Report {
  /// The report in `format`; lines of text are at most `width` long where names can be cut.
  package func rendered(as format: ReportFormat, width: Int?) -> String {
    switch format {
    case .text: sections.map { $0.text(width: width) }.joined(separator: "\n")
    case .markdown: sections.map(\.markdown).joined(separator: "\n")
    case .csv: records.csv
    case .json: document.serialized(indented: true) + "\n"
    case .jsonl: lines.map { $0.serialized() + "\n" }.joined()
    }
  }

  private var document: JSONValue {
    var object: JSONObject = ["schema": .string(Self.schema)]
    for (key, value) in members { object[key] = value }
    return .object(object)
  }
}

extension Section {
  func text(width: Int?) -> String {
    switch self {
    case .line(let line): line + "\n"
    case .facts(let facts):
      {
        let longest = facts.map(\.label.count).max() ?? 0
        return facts.map { fact in
          fact.label + String(repeating: " ", count: longest - fact.label.count + 2) + fact.value
            + "\n"
        }.joined()
      }()
    case .table(let table): table.text(width: width)
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
