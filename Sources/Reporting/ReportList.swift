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

  /// Passes the reports to `write` in pieces: JSON as one list, CSV as one table and HTML as one page; the other formats
  /// concatenate the reports.
  ///
  /// Text for a terminal leaves out failures, which are reported on standard error.
  package func write(
    as format: ReportFormat, width: Int?, to write: (String) throws -> Void
  ) rethrows {
    try self.write(as: format, style: TextStyle(width: width), to: write)
  }

  /// Passes the reports to `write` in pieces; the style applies to text.
  package func write(
    as format: ReportFormat, style: TextStyle, to write: (String) throws -> Void
  ) rethrows {
    switch format {
    case .json:
      var writer = JSONWriter(indented: true, escapesControls: true)
      writer.beginArray()
      for item in items { try item.report.writeDocument(&writer, to: write) }
      writer.endArray()
      try write(writer.drained() + "\n")
    case .jsonl:
      for item in items {
        for line in item.report.lazyLines {
          try write(line.with(path: item.path).serialized(escapesControls: true) + "\n")
        }
      }
    case .csv: try table.writeCSV(to: write)
    case .text, .markdown:
      let shown = items.filter { format == .markdown || !($0.report is FailureReport) }
      for (index, item) in shown.enumerated() {
        if index > 0 { try write("\n") }
        try item.report.write(as: format, style: style, to: write)
      }
    case .html:
      try write(HTMLDocument.start(title: "sumac"))
      for item in items { try item.report.writeHTML(to: write) }
      try write(HTMLDocument.end)
    }
  }

  /// Returns the reports in `format`.
  package func rendered(as format: ReportFormat, width: Int?) -> String {
    var text = ""
    write(as: format, width: width) { text += $0 }
    return text
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
    let columns = titles
    let parts = items.map { item in
      let records = item.report.records
      let indexes = Dictionary(
        records.columns.enumerated().map { ($0.element.title, $0.offset) },
        uniquingKeysWith: { first, _ in first })
      return LazyRows(count: records.rows.count) { number in
        let row = records.rows[number]
        return columns.map { title in
          title == "path" ? item.path : indexes[title].map { row[$0] } ?? ""
        }
      }
    }
    let starts = parts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
    let rows = LazyRows(count: starts.last ?? 0) { number in
      let part = (starts.lastIndex { $0 <= number }) ?? 0
      return parts[part][number - starts[part]]
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
