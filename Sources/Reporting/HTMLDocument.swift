import Base

/// The frame of a report as a page that a browser shows without other files.
enum HTMLDocument {
  /// The end of a page, after the elements of its body.
  static let end = "</body>\n</html>\n"

  /// Returns the beginning of a page, which the elements of its body follow.
  static func start(title: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <title>\(title.escapedForHTML)</title>
    <style>
    body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; }
    table { border-collapse: collapse; margin: 1em 0; }
    th, td { padding: 0.2em 0.8em; border-bottom: 1px solid #ccc; text-align: left; }
    .number { text-align: right; font-variant-numeric: tabular-nums; }
    dt { font-weight: bold; }
    </style>
    </head>
    <body>

    """
  }
}

extension Section {
  /// Passes the section as elements of a page to `write`.
  func writeHTML(to write: (String) throws -> Void) rethrows {
    switch self {
    case .line(let line): try write("<p>\(line.escapedForHTML)</p>\n")
    case .facts(let facts):
      let rows = facts.map {
        "<dt>\($0.label.escapedForHTML)</dt><dd>\($0.value.escapedForHTML)</dd>\n"
      }
      try write("<dl>\n\(rows.joined())</dl>\n")
    case .table(let table): try table.writeHTML(to: write)
    }
  }
}

extension Table {
  fileprivate func writeHTML(to write: (String) throws -> Void) rethrows {
    func line(_ cells: [String], _ tag: String) -> String {
      let parts = zip(columns, cells).map { column, cell in
        "<\(tag)\(column.alignsRight ? " class=\"number\"" : "")>\(cell.withoutLineBreaks.escapedForHTML)</\(tag)>"
      }
      return "<tr>\(parts.joined())</tr>\n"
    }
    try write("<table>\n" + line(columns.map(\.title), "th"))
    for row in rows { try write(line(row, "td")) }
    try write("</table>\n")
  }
}

extension String {
  fileprivate var escapedForHTML: String {
    withoutControls.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;").replacing("\"", with: "&quot;").replacing("\n", with: "<br>\n")
  }
}
