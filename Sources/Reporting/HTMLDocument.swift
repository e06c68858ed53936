import Base

/// A report as a page that a browser shows without other files.
struct HTMLDocument {
  var title: String
  /// The elements of the body.
  var body: String

  var text: String {
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
    \(body)</body>
    </html>

    """
  }
}

extension Section {
  /// The section as elements of a page.
  var html: String {
    switch self {
    case .line(let line): return "<p>\(line.escapedForHTML)</p>\n"
    case .facts(let facts):
      let rows = facts.map {
        "<dt>\($0.label.escapedForHTML)</dt><dd>\($0.value.escapedForHTML)</dd>\n"
      }
      return "<dl>\n\(rows.joined())</dl>\n"
    case .table(let table): return table.html
    }
  }
}

extension Table {
  fileprivate var html: String {
    func line(_ cells: [String], _ tag: String) -> String {
      let parts = zip(columns, cells).map { column, cell in
        "<\(tag)\(column.alignsRight ? " class=\"number\"" : "")>\(cell.withoutLineBreaks.escapedForHTML)</\(tag)>"
      }
      return "<tr>\(parts.joined())</tr>\n"
    }
    return "<table>\n" + line(columns.map(\.title), "th") + rows.map { line($0, "td") }.joined()
      + "</table>\n"
  }
}

extension String {
  fileprivate var escapedForHTML: String {
    withoutControls.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;").replacing("\"", with: "&quot;").replacing("\n", with: "<br>\n")
  }
}
