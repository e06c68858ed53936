import Base

/// A table with named columns, for people or for programs.
package struct Table: Equatable, Sendable {
  /// The kind of chart that the cells of a column are.
  package enum Drawing: Equatable, Sendable {
    /// Blocks whose heights are values.
    case levels
    /// A bar whose length is a value.
    case bar
  }

  /// A column with its title and alignment.
  package struct Column: Equatable, Sendable {
    package var title: String
    package var alignsRight: Bool
    /// The kind of chart in the cells; nil for text and numbers. Cells of charts are not shortened.
    package var drawing: Drawing?

    package init(_ title: String, alignsRight: Bool = false, drawing: Drawing? = nil) {
      self.title = title
      self.alignsRight = alignsRight
      self.drawing = drawing
    }
  }

  package var columns: [Column]
  package var rows: LazyRows<[String]>

  package init(_ columns: [Column], rows: [[String]] = []) {
    self.init(columns, rows: LazyRows(rows))
  }

  package init(_ columns: [Column], rows: LazyRows<[String]>) {
    self.columns = columns
    self.rows = rows
  }

  /// The columns that a text column keeps when a table is made narrower, first column and others.
  private static let leastNameWidth = 12
  private static let leastTextWidth = 8

  /// Passes the table as text with two spaces between columns to `write`, line by line.
  ///
  /// If lines would take more than the width of the style, the first column of names is shortened in the
  /// middle, then the other columns of text. Different names stay different.
  func write(style: TextStyle, to write: (String) throws -> Void) rethrows {
    let titles = columns.map(\.title)
    var widths = titles.map(\.columnCount)
    for row in rows {
      for (column, cell) in row.enumerated() {
        widths[column] = max(widths[column], cell.withoutLineBreaks.columnCount)
      }
    }
    var short: [(column: Int, texts: [String])] = []
    if let width = style.width {
      for column in shrink(&widths, to: width) {
        let names = rows.map { $0[column].withoutLineBreaks }
        short.append((column, ShortenedNames(names, width: widths[column]).texts))
      }
    }
    func line(_ cells: [String], isTitle: Bool = false) -> String {
      let padded = zip(columns.indices, cells).map { column, cell in
        let space = String(repeating: " ", count: max(0, widths[column] - cell.columnCount))
        var shown = cell
        if style.isColored, !isTitle, let drawing = columns[column].drawing {
          shown = Glyphs.colored(cell, as: drawing)
        }
        return columns[column].alignsRight ? space + shown : shown + space
      }
      return padded.joined(separator: "  ").trimmedEnd + "\n"
    }
    try write(line(titles, isTitle: true))
    for (index, row) in rows.enumerated() {
      var cells = row.map(\.withoutLineBreaks)
      for (column, texts) in short { cells[column] = texts[index] }
      try write(line(cells))
    }
  }

  /// Returns the table as text.
  package func text(width: Int?) -> String {
    var text = ""
    write(style: TextStyle(width: width)) { text += $0 }
    return text
  }

  /// Makes columns of text narrower until all columns fit into `width`, as far as possible.
  /// - Returns: The columns that became narrower.
  private func shrink(_ widths: inout [Int], to width: Int) -> [Int] {
    var excess = widths.reduce(0, +) + 2 * (widths.count - 1) - width
    var shrunk: [Int] = []
    for column in columns.indices
    where !columns[column].alignsRight && columns[column].drawing == nil && excess > 0 {
      let least =
        shrunk.isEmpty
        ? Self.leastNameWidth : max(Self.leastTextWidth, columns[column].title.columnCount)
      let cut = min(excess, max(0, widths[column] - least))
      guard cut > 0 else { continue }
      widths[column] -= cut
      excess -= cut
      shrunk.append(column)
    }
    return shrunk
  }

  /// Returns the table as Markdown.
  package var markdown: String {
    var text = ""
    writeMarkdown { text += $0 }
    return text
  }

  /// Passes the table to `write` as Markdown.
  func writeMarkdown(to write: (String) throws -> Void) rethrows {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.withoutLineBreaks.replacing("|", with: "\\|") }.joined(separator: " | ")
        + " |\n"
    }
    let rule = "|" + columns.map { $0.alignsRight ? "---:|" : "---|" }.joined() + "\n"
    try write(line(columns.map(\.title)) + rule)
    for row in rows { try write(line(row)) }
  }

  /// Returns the table as CSV.
  package var csv: String {
    var text = ""
    writeCSV { text += $0 }
    return text
  }

  /// Passes the table to `write` as CSV according to RFC 4180, with line feeds as line ends.
  ///
  /// Control characters and backslashes are escaped as in text. An apostrophe precedes a cell that a spreadsheet would
  /// run as a formula: one that starts with `=`, `+`, `-` or `@` and is not a number.
  func writeCSV(to write: (String) throws -> Void) rethrows {
    func line(_ cells: [String]) -> String {
      cells.map(\.printable.withoutFormula.quotedForCSV).joined(separator: ",") + "\n"
    }
    try write(line(columns.map(\.title)))
    for row in rows { try write(line(row)) }
  }
}

extension String {
  /// The text, in quotes if it contains a character that would end a cell. The check uses code points, as
  /// readers of CSV do, because a carriage return with a line feed or a quote with an accent is one `Character`.
  fileprivate var quotedForCSV: String {
    guard unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else {
      return self
    }
    var quoted = "\"".unicodeScalars
    for scalar in unicodeScalars {
      if scalar == "\"" { quoted.append(scalar) }
      quoted.append(scalar)
    }
    return String(quoted) + "\""
  }

  /// The text as it is, or with an apostrophe in front if a spreadsheet would run it.
  fileprivate var withoutFormula: String {
    guard let first = unicodeScalars.first, "=+-@".unicodeScalars.contains(first),
      Double(self) == nil
    else { return self }
    return "'" + self
  }

  fileprivate var trimmedEnd: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  /// The text with control characters escaped, line feeds too, so that a cell stays on its line.
  var withoutLineBreaks: String { withoutControls.replacing("\n", with: "\\n") }
}
