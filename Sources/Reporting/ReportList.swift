import Base

/// The reports on several inputs; the report on an input that failed is a ``FailureReport``.
package struct ReportList: Sendable {
  package private(set) var items: [(path: String, report: any Report)] = []

  package init() {}

  package mutating func append(_ report: any Report, on path: String) {
    items.append((path, report))
  }

  /// Removes the reports that do not satisfy the condition.
  package mutating func keep(where isKept: (any Report) -> Bool) {
    items.removeAll { !isKept($0.report) }
  }

  /// Renders JSON as one list, CSV as one table and HTML as one page; the other formats concatenate the reports.
  ///
  /// Text for a terminal leaves out failures, which are reported on standard error.
  package func rendered(as format: ReportFormat, width: Int?) -> String {
    switch format {
    case .json:
      JSONValue.array(items.map { $0.report.document }).serialized(indented: true) + "\n"
    case .jsonl:
      items.flatMap { item in item.report.lines.map { $0.with(path: item.path) } }
        .map { $0.serialized() + "\n" }.joined()
    case .csv: table.csv
    case .text:
      items.filter { !($0.report is FailureReport) }
        .map { $0.report.text(width: width) }.joined(separator: "\n")
    case .markdown:
      items.map { $0.report.rendered(as: .markdown, width: nil) }.joined(separator: "\n")
    case .html: HTMLDocument(title: "sumac", body: items.map(\.report.html).joined()).text
    }
  }

  /// All records under the columns of all reports, after the path of the input and before the error of a failed one.
  private var table: Table {
    let ends = ["error_code", "error"]
    var titles: [String] = []
    for item in items where !(item.report is FailureReport) {
      for column in item.report.records.columns where !(titles + ["path"]).contains(column.title) {
        titles.append(column.title)
      }
    }
    titles = ["path"] + titles + ends
    let rows = items.flatMap { item in
      let records = item.report.records
      let indexes = Dictionary(
        records.columns.enumerated().map { ($0.element.title, $0.offset) },
        uniquingKeysWith: { first, _ in first })
      return records.rows.map { row in
        titles.map { title in
          title == "path" ? item.path : indexes[title].map { row[$0] } ?? ""
        }
      }
    }
    return Table(titles.map { Table.Column($0) }, rows: rows)
  }
}

extension JSONValue {
  /// The object with the path of its input as its first member, unless it has a path.
  fileprivate func with(path: String) -> JSONValue {
    guard case .object(let members) = self, members["path"] == nil else { return self }
    var object: JSONObject = ["path": .string(path)]
    for (key, value) in members { object[key] = value }
    return .object(object)
  }
}
